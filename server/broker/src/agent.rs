//! Exports: how long a run waits for what an agent reads, and what it says meanwhile.
//!
//! | from     | asked for again | agent takes it | pages, signs of life | agent is through | agent cannot | run has the rows | run waits no longer |
//! |----------|-----------------|----------------|----------------------|------------------|--------------|------------------|---------------------|
//! | waiting  | waiting         | reading        | –                    | –                | –            | –                | given up            |
//! | reading  | reading         | reading ¹      | reading              | complete         | failed       | –                | given up            |
//! | complete | complete        | –              | –                    | complete ²       | –            | taken over       | given up            |
//! | failed, taken over, given up | a new export | –  | –                | – ³              | – ³          | –                | –                   |
//!
//! ¹ Once the lease of the one before has lapsed; a new attempt, from the beginning. ² The same again, whose answer was
//! lost. ³ Refused, so that the agent hears that nobody waits.

use jiff::{SignedDuration, Timestamp};
use model::agent::{AgentExport, ExportState};

/// How long a run waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// While nothing is heard of the export.
    pub silence: SignedDuration,
    /// Altogether.
    pub whole: SignedDuration,
}

/// What a run does about an export that it has asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Wait,
    /// It is there.
    Take,
    /// It failed, or somebody else has ended it; the export says why.
    Over,
    /// Waits no longer, and why: a sentence.
    GiveUp(String),
}

/// Decides about an export that `agent` is to read, and that was itself last heard of at `there`: while it reads others,
/// what waits its turn waits with reason. Time is measured by the server's clock alone.
pub fn judge(
    export: &AgentExport,
    agent: &str,
    there: Option<Timestamp>,
    patience: &Patience,
    now: Timestamp,
) -> Verdict {
    match export.state {
        ExportState::Complete => return Verdict::Take,
        ExportState::Failed | ExportState::TakenOver | ExportState::GivenUp => return Verdict::Over,
        ExportState::Waiting | ExportState::Reading => {}
    }
    let heard = export.heard_at.unwrap_or(export.requested_at);
    let is_nobodys = export.state == ExportState::Waiting || export.lease_until.is_some_and(|until| until < now);
    let heard = if is_nobodys { there.map_or(heard, |there| there.max(heard)) } else { heard };
    if now.duration_since(heard) >= patience.silence {
        let minutes = words(patience.silence);
        return Verdict::GiveUp(match export.state {
            ExportState::Waiting => format!(
                "The agent \u{201c}{agent}\u{201d} was not heard of for {minutes}, and has not begun to read it. See on the page of agents whether it runs, then start the job again."
            ),
            _ => format!(
                "The agent \u{201c}{agent}\u{201d} began to read it and was not heard of for {minutes}. See its log, then start the job again."
            ),
        });
    }
    if now.duration_since(export.requested_at) >= patience.whole {
        return Verdict::GiveUp(format!(
            "The agent \u{201c}{agent}\u{201d} was not through within {}. See its log; give it more time with `export_minutes` if it reads that long.",
            words(patience.whole)
        ));
    }
    Verdict::Wait
}

/// What a run says while it waits; `heard` is when anything was last heard of the agent itself.
pub fn waiting(export: &AgentExport, agent: &str, heard: Option<Timestamp>, now: Timestamp) -> String {
    let ago = match heard {
        Some(at) if now.duration_since(at) < SignedDuration::from_mins(1) => "heard of a moment ago".to_owned(),
        Some(at) => format!("last heard of {} ago", words(now.duration_since(at))),
        None => "never heard of so far".to_owned(),
    };
    match export.state {
        ExportState::Reading => {
            let rows = if export.rows == 1 { "1 row".to_owned() } else { format!("{} rows", export.rows) };
            format!("The agent \u{201c}{agent}\u{201d}, {ago}, reads it: {rows} so far")
        }
        _ => format!("Waiting for the agent \u{201c}{agent}\u{201d}, {ago}"),
    }
}

/// `40 seconds`, `1 minute`, `3 hours`.
fn words(duration: SignedDuration) -> String {
    let seconds = duration.as_secs().max(0);
    let (number, unit) = match seconds {
        0..120 => (seconds, "second"),
        120..7_200 => (seconds / 60, "minute"),
        _ => (seconds / 3_600, "hour"),
    };
    if number == 1 { format!("1 {unit}") } else { format!("{number} {unit}s") }
}

#[cfg(test)]
mod tests {
    use model::agent::ExportSubject;
    use model::ids::{AgentExportId, RunId};

    use super::*;

    const PATIENCE: Patience =
        Patience { silence: SignedDuration::from_mins(10), whole: SignedDuration::from_mins(60) };

    fn at(minutes: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + 60 * minutes).unwrap()
    }

    fn export(state: ExportState, heard: Option<i64>) -> AgentExport {
        AgentExport {
            id: AgentExportId(1),
            agent: "clinic".into(),
            run: RunId(1),
            subject: ExportSubject::Application("directory".into()),
            state,
            attempt: 1,
            requested_at: at(0),
            taken_at: heard.map(at),
            lease_until: None,
            heard_at: heard.map(at),
            rows: 7,
            outcome: None,
            given_up_because: None,
            finished_at: None,
        }
    }

    #[test]
    fn a_run_waits_as_long_as_it_is_told_and_no_longer() {
        use ExportState::*;
        let cases = [
            (Waiting, None, None, 9, "wait"),
            (Waiting, None, None, 10, "was not heard of for 10 minutes, and has not begun"),
            (Reading, Some(9), None, 18, "wait"),
            (Reading, Some(9), None, 19, "was not heard of for 10 minutes. See its log"),
            // It reads others, and this one when it comes to it.
            (Waiting, None, Some(9), 18, "wait"),
            (Waiting, None, Some(9), 19, "was not heard of for 10 minutes, and has not begun"),
            (Waiting, None, Some(59), 60, "was not through within 60 minutes"),
            // Who reads it is silent, whatever else the agent does.
            (Reading, Some(9), Some(18), 19, "was not heard of for 10 minutes. See its log"),
            (Reading, Some(59), None, 60, "was not through within 60 minutes"),
            (Complete, Some(9), None, 1_000, "take"),
            (Failed, Some(9), None, 1_000, "over"),
            (GivenUp, None, None, 10, "over"),
            (TakenOver, Some(9), None, 10, "over"),
        ];
        let decided = |export: &AgentExport, there: Option<i64>, now| match judge(
            export,
            "Clinic",
            there.map(at),
            &PATIENCE,
            at(now),
        ) {
            Verdict::Wait => "wait".to_owned(),
            Verdict::Take => "take".to_owned(),
            Verdict::Over => "over".to_owned(),
            Verdict::GiveUp(why) => why,
        };
        for (state, heard, there, now, expected) in cases {
            let found = decided(&export(state, heard), there, now);
            assert!(found.contains(expected), "{state:?} {heard:?} {there:?} {now}: {found}");
        }
        // Begun by an agent that died: the one that came after it is there, and begins anew when it comes to it.
        let left = AgentExport { lease_until: Some(at(10)), ..export(Reading, Some(9)) };
        assert_eq!(decided(&left, Some(18), 19), "wait");
    }

    #[test]
    fn what_is_waited_for_is_said() {
        let said = |state, heard: Option<i64>| waiting(&export(state, None), "Clinic", heard.map(at), at(3));
        assert_eq!(
            said(ExportState::Waiting, None),
            "Waiting for the agent \u{201c}Clinic\u{201d}, never heard of so far"
        );
        assert_eq!(
            said(ExportState::Waiting, Some(1)),
            "Waiting for the agent \u{201c}Clinic\u{201d}, last heard of 2 minutes ago"
        );
        assert_eq!(
            said(ExportState::Reading, Some(2)),
            "The agent \u{201c}Clinic\u{201d}, last heard of 60 seconds ago, reads it: 7 rows so far"
        );
        assert_eq!(
            said(ExportState::Waiting, Some(3)),
            "Waiting for the agent \u{201c}Clinic\u{201d}, heard of a moment ago"
        );
    }
}
