//! The format of log lines: one event, one line, one JSON object.

use std::fmt;

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::{JsonFields, Writer};
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormattedFields};
use tracing_subscriber::registry::{LookupSpan, Scope};

/// `timestamp`, `level`, `target`, `message`, `trace_id`, `span`, the event's `fields`, and as `context` the fields
/// of the spans around it, inner ones first. Everything is escaped by the JSON writer: no field, whatever a client
/// put into it, can begin a second line or end the object.
pub(super) struct OneLine;

impl<S> FormatEvent<S, JsonFields> for OneLine
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn format_event(
        &self,
        spans: &FmtContext<'_, S, JsonFields>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut timestamp = String::new();
        SystemTime.format_time(&mut Writer::new(&mut timestamp))?;
        let mut fields = Fields::default();
        event.record(&mut fields);

        let (mut path, mut context) = (Vec::new(), Map::new());
        for span in spans.event_scope().into_iter().flat_map(Scope::from_root) {
            path.push(span.name());
            let extensions = span.extensions();
            let formatted = extensions.get::<FormattedFields<JsonFields>>();
            if let Some(Ok(Value::Object(of_span))) = formatted.map(|text| serde_json::from_str(&text.fields))
            {
                context.extend(of_span);
            }
        }

        let mut line = Map::new();
        line.insert("timestamp".to_owned(), timestamp.into());
        line.insert("level".to_owned(), event.metadata().level().as_str().into());
        line.insert("target".to_owned(), event.metadata().target().into());
        line.insert("message".to_owned(), fields.0.remove("message").unwrap_or_default());
        if let Some(trace_id) = context.remove("trace_id") {
            line.insert("trace_id".to_owned(), trace_id);
        }
        if !path.is_empty() {
            line.insert("span".to_owned(), path.join(":").into());
        }
        for (name, map) in [("fields", fields.0), ("context", context)] {
            if !map.is_empty() {
                line.insert(name.to_owned(), map.into());
            }
        }
        let line = serde_json::to_string(&line).map_err(|_| fmt::Error)?;
        writeln!(writer, "{line}")
    }
}

#[derive(Default)]
struct Fields(Map<String, Value>);

impl Fields {
    fn put(&mut self, field: &Field, value: impl Into<Value>) {
        self.0.insert(field.name().to_owned(), value.into());
    }
}

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::fmt::MakeWriter;
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("not poisoned").extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl<'a> MakeWriter<'a> for Lines {
        type Writer = Self;

        fn make_writer(&'a self) -> Self {
            self.clone()
        }
    }

    fn logged(work: impl FnOnce()) -> Vec<Value> {
        let lines = Lines::default();
        let layer = tracing_subscriber::fmt::layer()
            .fmt_fields(JsonFields::new())
            .event_format(OneLine)
            .with_writer(lines.clone());
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), work);
        let bytes = lines.0.lock().expect("not poisoned").clone();
        let text = String::from_utf8(bytes).expect("logs are text");
        text.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect()
    }

    #[test]
    fn hostile_text_stays_in_its_line() {
        let hostile = "a\r\nb\u{1b}[31m\",\"level\":\"ERROR\"}\n{\"x\":\u{2028}\0";
        let lines = logged(|| {
            let span = tracing::info_span!("rpc", trace_id = "4bf9", caller = hostile);
            let _inside = span.enter();
            tracing::info!(name = hostile, shown = %hostile, debug = ?hostile, "{hostile}");
        });
        assert_eq!(lines.len(), 1);
        let line = &lines[0];
        assert_eq!(line["level"], "INFO");
        assert_eq!(line["message"], hostile);
        assert_eq!(line["fields"]["name"], hostile);
        assert_eq!(line["fields"]["shown"], hostile);
        assert_eq!(line["context"]["caller"], hostile);
    }

    #[test]
    fn inner_lines_carry_the_trace_id_of_the_outer_span() {
        let lines = logged(|| {
            let outer = tracing::info_span!("rpc", trace_id = tracing::field::Empty, step = 1);
            outer.record("trace_id", "4bf9");
            let _outer = outer.enter();
            let inner = tracing::info_span!("store", step = 2);
            let _inner = inner.enter();
            tracing::warn!(rows = 3_u64, "slow");
        });
        let line = &lines[0];
        assert_eq!(line["trace_id"], "4bf9");
        assert_eq!(line["span"], "rpc:store");
        assert_eq!(line["fields"]["rows"], 3);
        assert_eq!(line["context"]["step"], 2, "the inner span wins");
    }
}
