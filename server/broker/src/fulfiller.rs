//! Whose work an order is that people carry out.
//!
//! | what        | first whom          | then                     | then                     | then                    | at last   |
//! |-------------|---------------------|--------------------------|--------------------------|-------------------------|-----------|
//! | a removal   | the revoker         | the type's fulfiller     | the connection's         | the application's owner | everybody |
//! | anything    | –                   | the type's fulfiller     | the connection's         | the application's owner | everybody |
//!
//! Whoever is not there, may not sign in, lacks the duty for the account type, or would do work about themselves where
//! that is not wanted, is passed over; a team is where one of its members is none of that. Everybody are those who have
//! the duty.

use model::ids::IdentityId;
use model::order::{Order, ProvisioningState};
use model::plan::{ItemKind, ItemOperation, Operation};
use model::work_item::{Chosen, Fulfiller};

/// Somebody who might do it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Worker {
    pub login: String,
    pub display_name: String,
    pub identity: Option<IdentityId>,
    /// Permission profiles.
    pub profiles: Vec<String>,
    pub disabled: bool,
    /// Has the duty for the account type.
    pub may: bool,
}

/// What the configuration says about it, as it spells it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Named<'a> {
    pub account_type: Option<&'a str>,
    pub revoker: Option<&'a str>,
    pub connection: Option<&'a str>,
    /// Login of the application's owner.
    pub owner: Option<&'a str>,
    /// Nobody does work about themselves.
    pub no_own_work: bool,
}

/// Whom the work is about, as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Work {
    pub subject: IdentityId,
    /// Something is taken away.
    pub removes: bool,
}

impl Work {
    /// Of an order, as far as it is still to be done. It takes something away where the account goes, and where
    /// entitlements of it go and none comes: an order that gives as well is nobody's who only takes away.
    pub fn of(order: &Order) -> Self {
        let is_over = |state| {
            matches!(state, ProvisioningState::Executed | ProvisioningState::Verified | ProvisioningState::Inactive)
        };
        let changes = |operation: ItemOperation| {
            order
                .items
                .iter()
                .any(|item| item.kind == ItemKind::Entitlement && item.operation == operation && !is_over(item.state))
        };
        let removes = match order.operation {
            Operation::Disable | Operation::Delete => true,
            Operation::Update => changes(ItemOperation::Remove) && !changes(ItemOperation::Add),
            Operation::Create | Operation::Enable => false,
        };
        Self { subject: order.identity, removes }
    }
}

/// Why somebody cannot be given the work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    #[error("There is no user `{0}`. Choose somebody who can sign in.")]
    Unknown(String),
    #[error("{0} may not sign in any more. Choose somebody else.")]
    Disabled(String),
    #[error("The profile of {0} does not let them carry out this kind of work. Choose somebody else.")]
    LacksDuty(String),
    #[error("This work is about {0}, and nobody does work about themselves here. Choose somebody else.")]
    Own(String),
    #[error("Nobody of the team `{0}` can do it: none of its members can sign in and may carry out this kind of work.")]
    EmptyTeam(String),
}

/// Whose it is, and why.
pub fn choose(named: &Named<'_>, work: Work, workers: &[Worker]) -> (Fulfiller, Chosen) {
    let owner = named.owner.map(|login| Fulfiller::User(login.to_owned()));
    let ways = [
        (named.revoker.filter(|_| work.removes).map(Fulfiller::parse), Chosen::Revoker),
        (named.account_type.map(Fulfiller::parse), Chosen::AccountType),
        (named.connection.map(Fulfiller::parse), Chosen::Connection),
        (owner, Chosen::Owner),
    ];
    let mut found = ways.into_iter().filter_map(|(fulfiller, chosen)| Some((fulfiller?, chosen)));
    let fit = found.find(|(fulfiller, _)| check(fulfiller, work, named.no_own_work, workers).is_ok());
    fit.unwrap_or((Fulfiller::Everybody, Chosen::Everybody))
}

/// Whether the work can be theirs.
pub fn check(fulfiller: &Fulfiller, work: Work, no_own_work: bool, workers: &[Worker]) -> Result<(), Unfit> {
    match fulfiller {
        Fulfiller::Everybody => Ok(()),
        Fulfiller::User(login) => {
            let found = workers.iter().find(|worker| worker.login.eq_ignore_ascii_case(login));
            fits(found.ok_or_else(|| Unfit::Unknown(login.clone()))?, work, no_own_work)
        }
        Fulfiller::Profile(profile) => {
            let mut members = workers.iter().filter(|worker| worker.profiles.contains(profile));
            match members.any(|member| fits(member, work, no_own_work).is_ok()) {
                true => Ok(()),
                false => Err(Unfit::EmptyTeam(profile.clone())),
            }
        }
    }
}

/// Whether this one can do it.
pub fn fits(worker: &Worker, work: Work, no_own_work: bool) -> Result<(), Unfit> {
    let name = || worker.display_name.clone();
    if worker.disabled {
        return Err(Unfit::Disabled(name()));
    }
    if !worker.may {
        return Err(Unfit::LacksDuty(name()));
    }
    if no_own_work && worker.identity == Some(work.subject) {
        return Err(Unfit::Own(name()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn worker(login: &str, profile: &str) -> Worker {
        Worker {
            login: login.into(),
            display_name: login.to_uppercase(),
            identity: None,
            profiles: vec![profile.into()],
            disabled: false,
            may: true,
        }
    }

    const ADDING: Work = Work { subject: IdentityId(7), removes: false };
    const REMOVING: Work = Work { removes: true, ..ADDING };

    fn all() -> Named<'static> {
        Named {
            account_type: Some("user:tia"),
            revoker: Some("user:rex"),
            connection: Some("desk"),
            owner: Some("owen"),
            no_own_work: false,
        }
    }

    fn user(login: &str) -> Fulfiller {
        Fulfiller::User(login.into())
    }

    #[test]
    fn each_falls_to_the_next() {
        let everybody =
            [worker("tia", "types"), worker("rex", "revokers"), worker("dee", "desk"), worker("owen", "owners")];
        let expected = [
            (user("rex"), Chosen::Revoker),
            (user("tia"), Chosen::AccountType),
            (Fulfiller::Profile("desk".into()), Chosen::Connection),
            (user("owen"), Chosen::Owner),
            (Fulfiller::Everybody, Chosen::Everybody),
        ];
        let gone: [&dyn Fn(&mut Worker); 2] = [&|worker| worker.disabled = true, &|worker| worker.may = false];
        for change in gone {
            let mut workers = everybody.to_vec();
            for (expected, login) in expected.iter().zip(["rex", "tia", "dee", "owen", ""]) {
                assert_eq!(choose(&all(), REMOVING, &workers), *expected);
                workers.iter_mut().filter(|worker| worker.login == login).for_each(change);
            }
        }
        // Removed altogether.
        assert_eq!(choose(&all(), REMOVING, &everybody[2..]).1, Chosen::Connection);
        assert_eq!(choose(&all(), REMOVING, &[]), (Fulfiller::Everybody, Chosen::Everybody));
    }

    #[test]
    fn the_revoker_is_for_removals_alone() {
        let workers = [worker("tia", "types"), worker("rex", "revokers")];
        assert_eq!(choose(&all(), ADDING, &workers), (user("tia"), Chosen::AccountType));
        let alone = Named { revoker: Some("user:rex"), ..Named::default() };
        assert_eq!(choose(&alone, ADDING, &workers), (Fulfiller::Everybody, Chosen::Everybody));
        assert_eq!(choose(&alone, REMOVING, &workers), (user("rex"), Chosen::Revoker));
    }

    #[test]
    fn nobody_does_their_own_work_where_that_is_not_wanted() {
        let own = |profile: &str| Worker { identity: Some(IdentityId(7)), ..worker("tia", profile) };
        let named = Named { no_own_work: true, ..all() };
        let workers = [own("desk"), worker("owen", "owners")];
        assert_eq!(choose(&named, ADDING, &workers), (user("owen"), Chosen::Owner));
        assert_eq!(choose(&all(), ADDING, &workers), (user("tia"), Chosen::AccountType));
        // A team in which somebody else is will do.
        let workers = [own("desk"), worker("dee", "desk")];
        assert_eq!(choose(&named, ADDING, &workers).1, Chosen::Connection);
        assert_eq!(check(&user("tia"), ADDING, true, &workers), Err(Unfit::Own("TIA".into())));
    }

    #[test]
    fn a_refusal_names_who_and_why() {
        let mut workers = [worker("tia", "types"), worker("rex", "revokers")];
        workers[0].disabled = true;
        workers[1].may = false;
        let why = |fulfiller: Fulfiller| check(&fulfiller, ADDING, true, &workers).unwrap_err().to_string();
        assert_eq!(why(user("nobody")), "There is no user `nobody`. Choose somebody who can sign in.");
        assert!(why(user("TIA")).starts_with("TIA may not sign in any more."));
        assert!(why(user("rex")).contains("does not let them carry out this kind of work"));
        assert!(why(Fulfiller::Profile("types".into())).starts_with("Nobody of the team `types`"));
        assert_eq!(check(&Fulfiller::Everybody, ADDING, true, &workers), Ok(()));
    }

    #[test]
    fn what_takes_entitlements_away_is_a_removal_as_well() {
        use model::access::DesiredValue;
        use model::account::{AccountStatus, Provenance};

        use crate::worlds::{Taken, access, account, attribute, compile, desired_account, orders};

        let mut held = account(1, "person", AccountStatus::Enabled, Provenance::Created);
        held.entitlements.insert("A".into());
        let made =
            |desired, known: &[_]| orders(&compile(&access(desired), known, &[], &mut Taken::default()), 100).remove(0);
        let title = || vec![attribute("title", DesiredValue::Value("Dr".into()))];
        let known = std::slice::from_ref(&held);
        for (desired, known, removes) in [
            (vec![], known, true),
            (vec![desired_account("person", vec![], &[])], known, true),
            (vec![desired_account("person", title(), &[])], known, true),
            (vec![desired_account("person", title(), &["person-a"])], known, false),
            (vec![desired_account("person", vec![], &["person-b"])], known, false),
            (vec![desired_account("person", vec![], &["person-b"])], &[], false),
        ] {
            let order = made(desired, known);
            assert_eq!(Work::of(&order), Work { subject: order.identity, removes }, "{order:#?}");
        }
        // What was given already is no matter any more.
        let mut order = made(vec![desired_account("person", vec![], &["person-b"])], known);
        for item in order.items.iter_mut().filter(|item| item.operation == ItemOperation::Add) {
            item.state = ProvisioningState::Executed;
        }
        assert!(Work::of(&order).removes);
    }
}
