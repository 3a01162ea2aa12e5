"""The paper's metrics on people that the base model was never shown: scores, tables, pictures."""
