//! Server-sent events, as WHATWG's HTML has them: bytes in, whole events out.

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Event {
    /// `message` where the stream names none.
    pub kind: String,
    /// The last one the stream gave, on this event or an earlier one.
    pub id: String,
    pub data: String,
}

/// Takes pieces cut anywhere, in the middle of a character too.
#[derive(Debug, Default)]
pub struct Parser {
    line: Vec<u8>,
    /// The last byte was a carriage return: a newline that follows belongs to it.
    after_return: bool,
    first_line_done: bool,
    kind: String,
    id: String,
    data: String,
    has_data: bool,
}

impl Parser {
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<Event> {
        let mut events = Vec::new();
        for &byte in bytes {
            match byte {
                b'\n' if self.after_return => self.after_return = false,
                b'\n' | b'\r' => {
                    self.after_return = byte == b'\r';
                    let line = std::mem::take(&mut self.line);
                    events.extend(self.take_line(&String::from_utf8_lossy(&line)));
                }
                byte => {
                    self.after_return = false;
                    self.line.push(byte);
                }
            }
        }
        events
    }

    fn take_line(&mut self, line: &str) -> Option<Event> {
        let line = if self.first_line_done {
            line
        } else {
            line.strip_prefix('\u{feff}').unwrap_or(line)
        };
        self.first_line_done = true;
        if line.is_empty() {
            return self.dispatch();
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => self.kind = value.to_owned(),
            "data" => {
                if self.has_data {
                    self.data.push('\n');
                }
                self.data.push_str(value);
                self.has_data = true;
            }
            "id" if !value.contains('\0') => self.id = value.to_owned(),
            // A comment (no field name), or a field that is not known.
            _ => {}
        }
        None
    }

    fn dispatch(&mut self) -> Option<Event> {
        let kind = std::mem::take(&mut self.kind);
        let data = std::mem::take(&mut self.data);
        std::mem::take(&mut self.has_data).then(|| Event {
            kind: if kind.is_empty() {
                "message".to_owned()
            } else {
                kind
            },
            id: self.id.clone(),
            data,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(kind: &str, id: &str, data: &str) -> Event {
        Event {
            kind: kind.to_owned(),
            id: id.to_owned(),
            data: data.to_owned(),
        }
    }

    #[test]
    fn events_come_whole_wherever_the_bytes_are_cut() {
        let stream = "id: 7\nevent: ready\ndata: {}\n\n: still here\n\nid: 8\r\nevent: punctual.task.created.v1\r\ndata: {\"title\":\"Käse ✓\"}\r\n\r\n";
        let expected = vec![
            event("ready", "7", "{}"),
            event("punctual.task.created.v1", "8", "{\"title\":\"Käse ✓\"}"),
        ];
        for size in 1..stream.len() {
            let mut parser = Parser::default();
            let events: Vec<Event> = stream
                .as_bytes()
                .chunks(size)
                .flat_map(|piece| parser.feed(piece))
                .collect();
            assert_eq!(events, expected, "in pieces of {size}");
        }
    }

    #[test]
    fn several_data_lines_are_one_text() {
        assert_eq!(
            Parser::default().feed(b"data: a\ndata:\ndata:b\n\n"),
            [event("message", "", "a\n\nb")]
        );
    }

    #[test]
    fn a_comment_is_no_event_and_an_unfinished_event_is_none_yet() {
        let mut parser = Parser::default();
        assert!(
            parser
                .feed(b": heartbeat\n\n: heartbeat\n\ndata: x\n")
                .is_empty()
        );
        assert_eq!(parser.feed(b"\n"), [event("message", "", "x")]);
    }

    #[test]
    fn the_position_stays_until_the_stream_names_another() {
        let mut parser = Parser::default();
        assert_eq!(
            parser.feed(b"id: 3\ndata: a\n\ndata: b\n\n"),
            [event("message", "3", "a"), event("message", "3", "b")]
        );
    }

    #[test]
    fn a_byte_order_mark_and_unknown_fields_are_passed_over() {
        let mut parser = Parser::default();
        assert_eq!(
            parser.feed(b"\xef\xbb\xbfretry: 1500\ndata: a\n\n"),
            [event("message", "", "a")]
        );
    }
}
