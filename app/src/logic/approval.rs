//! What there is to say about approvals: how far each stage is, for whom it waits, and what came of deciding.

use model::approval::{ApprovalRow, ApprovalState, RequestApproval, Verdict};
use model::error::ApiError;

use super::flash::{Flash, FlashKind};
use super::words;
use crate::components::chip::Tone;

/// How far one stage is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It agreed.
    Agreed,
    /// It decides now.
    Now,
    /// It comes after others.
    Next,
    Declined,
    /// It will never decide: the request is over.
    Never,
}

/// How far the stage of this number is; 0 is the first.
pub fn stage(approval: &RequestApproval, number: u32) -> Standing {
    match approval.state {
        _ if number < approval.stage => Standing::Agreed,
        ApprovalState::Waiting if number == approval.stage => Standing::Now,
        ApprovalState::Waiting => Standing::Next,
        ApprovalState::Approved => Standing::Agreed,
        ApprovalState::Declined if number == approval.stage => Standing::Declined,
        ApprovalState::Declined | ApprovalState::Cancelled => Standing::Never,
    }
}

impl Standing {
    pub fn label(self) -> &'static str {
        match self {
            Self::Agreed => "Agreed",
            Self::Now => "Waiting",
            Self::Next => "Next",
            Self::Declined => "Declined",
            Self::Never => "Not asked",
        }
    }

    pub fn look(self) -> (Tone, &'static str) {
        match self {
            Self::Agreed => (Tone::Ok, "check"),
            Self::Now => (Tone::Warn, "hand"),
            Self::Next => (Tone::Idle, "circle"),
            Self::Declined => (Tone::Danger, "ban"),
            Self::Never => (Tone::Idle, "dash"),
        }
    }
}

/// Colour and sign of what an approval came to.
pub fn look(state: ApprovalState) -> (Tone, &'static str) {
    match state {
        ApprovalState::Waiting => (Tone::Warn, "hand"),
        ApprovalState::Approved => (Tone::Ok, "check"),
        ApprovalState::Declined => (Tone::Danger, "ban"),
        ApprovalState::Cancelled => (Tone::Idle, "dash"),
    }
}

/// "Waits for Ann Lee, Bo Ek or Cy Ash; 2 of them have to agree."
pub fn waits_for(row: &ApprovalRow) -> String {
    match row.approvers.is_empty() {
        true => who(&row.approvers, row.missing),
        false => format!("Waits for {}", who(&row.approvers, row.missing)),
    }
}

/// "Ann Lee, Bo Ek or Cy Ash; 2 of them have to agree."
pub fn who(approvers: &[String], missing: u32) -> String {
    let quorum = if missing > 1 { format!("; {missing} of them have to agree") } else { String::new() };
    match approvers {
        [] => "Nobody is there who may decide. Ask an administrator of Quartermaster who should.".to_owned(),
        [only] => format!("{only}{quorum}."),
        [before @ .., last] => format!("{} or {last}{quorum}.", before.join(", ")),
    }
}

/// What came of deciding about several things.
pub fn flash(outcomes: &[(String, Result<ApprovalState, ApiError>)], verdict: Verdict) -> Flash {
    let flash = Flash::of_each(outcomes, ("request", "requests"), verdict.done());
    let waits = outcomes.iter().filter(|(_, outcome)| matches!(outcome, Ok(ApprovalState::Waiting))).count();
    match (flash.kind, waits) {
        (FlashKind::Failed, _) | (_, 0) => flash,
        (_, waits) => {
            let rest = if waits == 1 { "1 still waits for others." } else { "Some still wait for others." };
            Flash { title: format!("{} {}", words::sentence_case(&flash.title), rest), ..flash }
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use model::access::Grantable;
    use model::configuration::{ApprovalStage, Approver};
    use model::error::ErrorCode;
    use model::ids::RequestId;
    use model::request::{Change, RequestItem};

    use super::*;

    fn approval(state: ApprovalState, stage: u32) -> RequestApproval {
        RequestApproval {
            request: RequestId(1),
            line: 1,
            item: RequestItem { change: Change::Give, grantable: Grantable::Role("clerk".into()) },
            stages: vec![ApprovalStage::of([Approver::Manager]); 3],
            state,
            stage,
            level: 0,
            since: Timestamp::UNIX_EPOCH,
            escalates_at: None,
            ended_at: None,
            decisions: Vec::new(),
        }
    }

    #[test]
    fn each_stage_says_how_far_it_is() {
        use Standing::{Agreed, Declined, Never, Next, Now};
        for (state, at, expected) in [
            (ApprovalState::Waiting, 0, [Now, Next, Next]),
            (ApprovalState::Waiting, 1, [Agreed, Now, Next]),
            (ApprovalState::Approved, 2, [Agreed, Agreed, Agreed]),
            (ApprovalState::Declined, 1, [Agreed, Declined, Never]),
            (ApprovalState::Cancelled, 1, [Agreed, Never, Never]),
        ] {
            assert_eq!([0, 1, 2].map(|number| stage(&approval(state, at), number)), expected, "{state:?} {at}");
        }
    }

    #[test]
    fn what_came_of_deciding_says_what_still_waits() {
        let refused = || Err(ApiError::new(ErrorCode::Forbidden, "It does not wait for you."));
        let said = |outcomes: Vec<Result<ApprovalState, ApiError>>| {
            let numbered =
                outcomes.into_iter().enumerate().map(|(number, one)| (number.to_string(), one)).collect::<Vec<_>>();
            let flash = flash(&numbered, Verdict::Approve);
            (flash.kind, flash.title)
        };
        let (done, waits) = (ApprovalState::Approved, ApprovalState::Waiting);
        assert_eq!(said(vec![Ok(done)]), (FlashKind::Done, "1 request approved.".into()));
        assert_eq!(said(vec![Ok(waits)]), (FlashKind::Done, "1 request approved. 1 still waits for others.".into()));
        assert_eq!(said(vec![refused()]), (FlashKind::Failed, "No requests approved.".into()));
        let (kind, title) = said(vec![Ok(waits), Ok(waits), refused()]);
        assert_eq!(kind, FlashKind::Partly);
        assert!(title.ends_with("1 refused. Some still wait for others."), "{title}");
    }
}
