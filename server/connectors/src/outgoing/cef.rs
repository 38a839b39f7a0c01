//! ArcSight's Common Event Format: one line that collectors of security events read.

use std::fmt::Write;

use model::event::{EventType, Message, Stream};
use model::value::Value;

/// How grave, from 0 to 10.
fn severity(kind: EventType) -> u8 {
    match kind {
        EventType::ViolationOpened => 7,
        EventType::OrderFailed => 6,
        EventType::AccountDeleted | EventType::IdentityLeft => 4,
        _ => 3,
    }
}

/// The message as one line.
pub(super) fn line(message: &Message) -> String {
    let event = &message.event;
    let body = &event.body;
    let action = body.data.get("action").and_then(Value::as_text);
    let name = action.unwrap_or(body.kind.name());
    let mut line = format!(
        "CEF:0|Quartermaster|Quartermaster|{}|{}|{}|{}|",
        env!("CARGO_PKG_VERSION"),
        header(body.kind.name()),
        header(name),
        severity(body.kind)
    );
    let mut put = |key: &str, value: &str| {
        let gap = if line.ends_with('|') { "" } else { " " };
        // Writing into a text cannot fail.
        let _ = write!(line, "{gap}{key}={}", extension(value));
    };
    put("rt", &body.at.as_millisecond().to_string());
    put("externalId", &message.id);
    put("cn1Label", "sequence");
    put("cn1", &event.sequence.to_string());
    put("cn2Label", "previous");
    put("cn2", &message.previous.to_string());
    if let Some(identity) = &body.identity {
        put("duid", &identity.key);
        put("duser", &identity.display_name);
    }
    if let Some(application) = &body.application {
        put("destinationServiceName", application);
    }
    if event.stream == Stream::Audit {
        let text = |name: &str| body.data.get(name).and_then(Value::as_text).unwrap_or_default();
        put("suser", text("actor"));
        put("act", text("action"));
        put("duser", text("subject"));
        put("msg", text("detail"));
    } else if !body.data.is_empty() {
        put("msg", &serde_json::to_string(&body.data).unwrap_or_default());
    }
    line
}

fn header(text: &str) -> String {
    text.replace('\\', "\\\\").replace('|', "\\|").replace(['\r', '\n'], " ")
}

fn extension(text: &str) -> String {
    text.replace('\\', "\\\\").replace('=', "\\=").replace('\r', "\\r").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use model::event::{Event, EventBody};

    use super::*;

    #[test]
    fn what_people_write_cannot_become_a_field_of_its_own() {
        let body = EventBody::new(EventType::Audited, Timestamp::UNIX_EPOCH)
            .with("actor", "anna")
            .with("action", "run|start")
            .with("subject", "run 7")
            .with("detail", "why=because\nact=forged \\");
        let event = Event { stream: Stream::Audit, epoch: "e".into(), sequence: 8, body };
        let line = line(&Message::new(event, 7));
        let (_, rest) = line.split_once("|audit|").unwrap();
        assert_eq!(
            rest,
            "run\\|start|3|rt=0 externalId=audit-e-8 cn1Label=sequence cn1=8 cn2Label=previous cn2=7 suser=anna act=run|start \
             duser=run 7 msg=why\\=because\\nact\\=forged \\\\"
        );
    }
}
