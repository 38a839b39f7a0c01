//! What becomes of work that is not done in time: who is told, and whether it goes to them.
//!
//! | the work                                             | who comes next | it goes to them                             |
//! |------------------------------------------------------|----------------|---------------------------------------------|
//! | is nobody's yet                                      | is told        | yes                                         |
//! | was taken by somebody, or given to somebody by hand  | is told        | where the connection says `escalate_taken`  |
//! | is theirs already, or they cannot do it              | is told        | no                                          |
//!
//! Where the time of several came while nobody looked, it is the last of them who can do it, once; the others are passed
//! over. When that time comes is [`crate::deadline`]'s.

use model::work_item::{Chosen, Fulfiller, WorkItem};

use crate::fulfiller::Unfit;

/// Who is told, and whether the work is theirs now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Escalation {
    pub to: Fulfiller,
    /// Why it does not go to them; none where it does.
    pub stays: Option<Stays>,
}

/// Why work stays whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stays {
    /// Somebody has taken it.
    Taken,
    /// A person gave it to whoever has it.
    Given,
    /// It is theirs already.
    Theirs,
    /// They cannot do it.
    Unfit(Unfit),
}

/// Who it goes to when it is not done in time, one after the other: whom the configuration names, then the
/// application's owner.
pub fn ladder(escalate_to: Option<&str>, owner: Option<&str>) -> Vec<Fulfiller> {
    let mut ladder: Vec<Fulfiller> = escalate_to.map(Fulfiller::parse).into_iter().collect();
    if let Some(owner) = owner.map(|login| Fulfiller::User(login.to_owned()))
        && !ladder.contains(&owner)
    {
        ladder.push(owner);
    }
    ladder
}

/// What happens to the work as it is, when the clock has come to so many `steps` of the ladder; nothing where it had come
/// to as many before. `takes_away` is what the connection says of work that somebody has.
pub fn escalate(
    item: &WorkItem,
    ladder: &[Fulfiller],
    steps: u32,
    takes_away: bool,
    fits: &dyn Fn(&Fulfiller) -> Result<(), Unfit>,
) -> Option<Escalation> {
    let place = |steps: u32| usize::try_from(steps).unwrap_or(usize::MAX).min(ladder.len());
    let reached = ladder.get(place(item.escalations)..place(steps))?;
    let last = reached.last()?;
    let stays = |stays| Some(Escalation { to: last.clone(), stays: Some(stays) });
    if !takes_away {
        if item.claimed_by.is_some() {
            return stays(Stays::Taken);
        }
        if matches!(item.chosen, Chosen::Reassigned | Chosen::Split) {
            return stays(Stays::Given);
        }
    }
    let next = reached.iter().rev().find(|to| **to != item.fulfiller && fits(to).is_ok());
    match (next, fits(last)) {
        (Some(to), _) => Some(Escalation { to: to.clone(), stays: None }),
        (None, _) if *last == item.fulfiller => stays(Stays::Theirs),
        (None, Err(unfit)) => stays(Stays::Unfit(unfit)),
        (None, Ok(())) => None,
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use model::ids::{OrderId, UserId, WorkItemId};

    use super::*;

    fn user(login: &str) -> Fulfiller {
        Fulfiller::User(login.into())
    }

    fn chiefs() -> Fulfiller {
        Fulfiller::Profile("chiefs".into())
    }

    fn item() -> WorkItem {
        WorkItem {
            fulfiller: Fulfiller::Profile("desk".into()),
            chosen: Chosen::Connection,
            ..WorkItem::open(WorkItemId(1), OrderId(2), "host", Timestamp::UNIX_EPOCH)
        }
    }

    /// With a ladder of the chiefs and olga.
    fn of(item: &WorkItem, steps: u32, takes_away: bool, unfit: &[Fulfiller]) -> Option<(Fulfiller, Option<Stays>)> {
        let fits = |to: &Fulfiller| match unfit.contains(to) {
            true => Err(Unfit::EmptyTeam("chiefs".into())),
            false => Ok(()),
        };
        let escalation = escalate(item, &[chiefs(), user("olga")], steps, takes_away, &fits)?;
        Some((escalation.to, escalation.stays))
    }

    #[test]
    fn the_ladder_names_nobody_twice() {
        assert_eq!(ladder(Some("chiefs"), Some("olga")), [chiefs(), user("olga")]);
        assert_eq!(ladder(Some("user:olga"), Some("olga")), [user("olga")]);
        assert_eq!(ladder(None, None), []);
    }

    #[test]
    fn work_that_nobody_has_goes_up_step_by_step() {
        assert_eq!(of(&item(), 0, false, &[]), None);
        assert_eq!(of(&item(), 1, false, &[]), Some((chiefs(), None)));
        let first = WorkItem { escalations: 1, fulfiller: chiefs(), chosen: Chosen::Escalated, ..item() };
        assert_eq!(of(&first, 1, false, &[]), None, "told once");
        assert_eq!(of(&first, 2, false, &[]), Some((user("olga"), None)));
        assert_eq!(of(&first, 9, false, &[]), Some((user("olga"), None)), "the ladder was longer once");
    }

    #[test]
    fn who_has_it_keeps_it_unless_that_is_wanted_otherwise() {
        let taken = WorkItem { claimed_by: Some(UserId(7)), ..item() };
        let given = WorkItem { chosen: Chosen::Reassigned, fulfiller: user("dan"), ..item() };
        let split = WorkItem { chosen: Chosen::Split, ..given.clone() };
        for (item, stays) in [(&taken, Stays::Taken), (&given, Stays::Given), (&split, Stays::Given)] {
            assert_eq!(of(item, 1, false, &[]), Some((chiefs(), Some(stays.clone()))));
            assert_eq!(of(item, 2, false, &[]), Some((user("olga"), Some(stays))));
            assert_eq!(of(item, 1, true, &[]), Some((chiefs(), None)));
        }
        // What went to the chiefs and was taken by one of them is theirs.
        let first = WorkItem { escalations: 1, fulfiller: chiefs(), chosen: Chosen::Escalated, ..taken };
        assert_eq!(of(&first, 2, false, &[]), Some((user("olga"), Some(Stays::Taken))));
    }

    #[test]
    fn of_several_steps_at_once_the_last_who_can_do_it_counts() {
        assert_eq!(of(&item(), 2, false, &[]), Some((user("olga"), None)));
        assert_eq!(of(&item(), 2, false, &[user("olga")]), Some((chiefs(), None)));
        let unfit = || Some(Stays::Unfit(Unfit::EmptyTeam("chiefs".into())));
        assert_eq!(of(&item(), 1, false, &[chiefs()]), Some((chiefs(), unfit())));
        assert_eq!(of(&item(), 2, false, &[chiefs(), user("olga")]), Some((user("olga"), unfit())));
        // It was the owner's from the beginning.
        let owned = WorkItem { escalations: 1, fulfiller: user("olga"), chosen: Chosen::Owner, ..item() };
        assert_eq!(of(&owned, 2, false, &[]), Some((user("olga"), Some(Stays::Theirs))));
    }
}
