"""Tables as others take them: Arrow for data tools, HTML for notebooks."""
