//! JSON values as YAML 1.2 text, for people to read: block style, plain words where that is safe, quoted as JSON where it
//! is not.

use std::fmt::Write;

use serde_json::Value;

/// The value as a document.
pub fn emit(value: &Value) -> String {
    let mut text = String::new();
    block(&mut text, value, 0);
    text
}

fn indent(text: &mut String, depth: usize) {
    for _ in 0..depth {
        text.push_str("  ");
    }
}

/// Lines of a map or a list; anything else on a line of its own.
fn block(text: &mut String, value: &Value, depth: usize) {
    match value {
        Value::Object(members) if !members.is_empty() => {
            for (key, value) in members {
                indent(text, depth);
                member(text, key, value, depth);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for item in items {
                indent(text, depth);
                text.push('-');
                match item {
                    Value::Object(members) if !members.is_empty() => {
                        text.push(' ');
                        for (n, (key, value)) in members.iter().enumerate() {
                            if n > 0 {
                                indent(text, depth + 1);
                            }
                            member(text, key, value, depth + 1);
                        }
                    }
                    Value::Array(inner) if !inner.is_empty() => {
                        text.push('\n');
                        block(text, item, depth + 1);
                    }
                    scalar => line(text, scalar, depth),
                }
            }
        }
        scalar => {
            indent(text, depth);
            line(text, scalar, depth);
        }
    }
}

fn member(text: &mut String, key: &str, value: &Value, depth: usize) {
    string(text, key);
    text.push(':');
    match value {
        Value::Object(members) if !members.is_empty() => {
            text.push('\n');
            block(text, value, depth + 1);
        }
        Value::Array(items) if !items.is_empty() => {
            text.push('\n');
            block(text, value, depth + 1);
        }
        scalar => line(text, scalar, depth),
    }
}

/// The rest of a line: a scalar, or an empty map or list. Text of several lines goes below it.
fn line(text: &mut String, scalar: &Value, depth: usize) {
    match scalar {
        Value::String(content) if is_literal(content) => {
            text.push_str(" |-\n");
            for part in content.split('\n') {
                if !part.is_empty() {
                    indent(text, depth + 1);
                    text.push_str(part);
                }
                text.push('\n');
            }
            return;
        }
        Value::String(content) => {
            text.push(' ');
            string(text, content);
        }
        other => {
            let _ = write!(text, " {other}");
        }
    }
    text.push('\n');
}

/// Several lines of printable text, the first and the last of which have something on them.
fn is_literal(content: &str) -> bool {
    content.contains('\n')
        && !content.starts_with(['\n', ' '])
        && !content.ends_with('\n')
        && !content.chars().any(|c| c != '\n' && c.is_control())
}

fn string(text: &mut String, content: &str) {
    if is_plain(content) {
        text.push_str(content);
    } else {
        text.push_str(&Value::from(content).to_string());
    }
}

/// Words that mean nothing else in any YAML: not empty, not a number, a date or a keyword, no sign of its syntax.
fn is_plain(content: &str) -> bool {
    let keyword = matches!(
        content.to_ascii_lowercase().as_str(),
        "true" | "false" | "null" | "yes" | "no" | "on" | "off" | "y" | "n"
    );
    !keyword
        && content.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/')
        && content
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"_-./+".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_yaml_would_take_for_something_else_is_quoted() {
        let value = json!({
            "plain": "task-events", "path": "/events/x", "no": "no", "number": "1.0", "empty": "", "colon": "a: b",
            "ref": "#/x", "quote": "say \"hi\"", "nothing": null, "list": [], "map": {}, "yes": true, "three": 3,
        });
        assert_eq!(
            emit(&value),
            "plain: task-events\npath: /events/x\n\"no\": \"no\"\nnumber: \"1.0\"\nempty: \"\"\ncolon: \"a: b\"\n\
             ref: \"#/x\"\nquote: \"say \\\"hi\\\"\"\nnothing: null\nlist: []\nmap: {}\n\"yes\": true\nthree: 3\n"
        );
    }

    #[test]
    fn lists_maps_and_text_of_several_lines_are_nested_by_two_spaces() {
        let value = json!({ "a": [{ "b": "one\n\ntwo", "c": ["x", ["z"], {}] }, 1] });
        assert_eq!(
            emit(&value),
            "a:\n  - b: |-\n      one\n\n      two\n    c:\n      - x\n      -\n        - z\n      - {}\n  - 1\n"
        );
    }
}
