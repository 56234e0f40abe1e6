"""The pages that managers read: compliance, the leads behind each number, and volume with its history."""
