"""Pure values of genomics: bases, strands, intervals, contig names and variants."""
