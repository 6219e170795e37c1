"""What a paper takes from a run, a sweep or a comparison.

Tables in LaTeX and Markdown, figures as PDF and SVG, a sentence that says how the numbers
were measured, a line on what they cost, and an entry for the bibliography.
"""
