"""What marketing and sales owe each other in numbers: targets, how they are kept, and where the month will
end. docs/commitments.md tells it to readers."""
