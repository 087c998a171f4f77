"""The page on which a person looks at drafts and failures, judges them, and compares students blindly."""
