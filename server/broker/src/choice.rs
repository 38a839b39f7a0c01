//! Which account is meant, where somebody has several of one type.
//!
//! In this order, the first that leaves exactly one decides, and what it leaves counts for the next:
//! 1. the account type's own rule (`select`); where it holds for none of them, all count
//! 2. what was chosen before: a person's answer, or the one that Quartermaster made or took over
//! 3. what the account type says of such cases (`several`): the oldest, nobody until a person has said which, none at
//!    all, or a failure that somebody has to look at
//!
//! What this leaves out: evaluating the rule (`policy`), and what becomes of the others ([`crate::plan`]).

use std::collections::BTreeSet;

use model::account::{Account, Provenance};
use model::configuration::{Ask, Several};
use model::form::{Answer, Asked, FormOwner};
use model::ids::AccountId;

use crate::catalogue::Catalogue;
use crate::plan::is_there;

/// What was decided for one account type of one identity, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountChoice {
    pub account_type: String,
    pub chosen: Chosen,
    /// A clause: "it was used before".
    pub why: String,
}

impl AccountChoice {
    /// Whether one of them is meant; otherwise nothing is granted to any.
    pub fn is_settled(&self) -> bool {
        matches!(self.chosen, Chosen::Account(_))
    }
}

/// What was decided for the account type; none where there is at most one account of it.
pub fn of<'a>(choices: &'a [AccountChoice], account_type: &str) -> Option<&'a AccountChoice> {
    choices.iter().find(|choice| choice.account_type == account_type)
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Chosen {
    Account(AccountId),
    /// A person is asked; nothing is granted meanwhile.
    Ask(Asked),
    /// Nothing is granted.
    Skip,
    /// Nothing is granted, and an order says so in state 7.
    Fail,
}

/// Key of the question which account of this type is meant. Nothing else writes it.
pub fn question_key(account_type: &str) -> String {
    format!("account.{account_type}")
}

/// Decides for every type of which there are several accounts, by account type. `selected` are those for which the rule
/// of their type holds, `owner_of` says who is asked for an application.
pub fn choose(
    accounts: &[Account],
    catalogue: &Catalogue,
    selected: &BTreeSet<AccountId>,
    answers: &[Answer],
    owner_of: &dyn Fn(Option<&Ask>, &str) -> FormOwner,
) -> Vec<AccountChoice> {
    let types: BTreeSet<&str> = accounts.iter().map(|account| account.account_type.as_str()).collect();
    let choice = |account_type: &str| {
        let mut candidates: Vec<&Account> =
            accounts.iter().filter(|account| account.account_type == account_type && is_there(account)).collect();
        candidates.sort_unstable_by_key(|account| account.id);
        (candidates.len() > 1).then(|| {
            let (chosen, why) = one(account_type, candidates, catalogue, selected, answers, owner_of);
            AccountChoice { account_type: account_type.to_owned(), chosen, why }
        })
    };
    types.into_iter().filter_map(choice).collect()
}

fn one(
    account_type: &str,
    candidates: Vec<&Account>,
    catalogue: &Catalogue,
    selected: &BTreeSet<AccountId>,
    answers: &[Answer],
    owner_of: &dyn Fn(Option<&Ask>, &str) -> FormOwner,
) -> (Chosen, String) {
    let facts = catalogue.account_type(account_type);
    let meant: Vec<&Account> = candidates.iter().copied().filter(|account| selected.contains(&account.id)).collect();
    let by_rule = !meant.is_empty();
    let candidates = if by_rule { meant } else { candidates };
    if let [only] = candidates.as_slice() {
        return (Chosen::Account(only.id), "the account type's rule `select` holds for it alone".to_owned());
    }
    let answer = answers.iter().find(|answer| answer.key == question_key(account_type));
    let answered = answer.and_then(|answer| {
        let account = candidates.iter().find(|account| answer.value.as_text() == Some(&account.key))?;
        Some((account.id, answer))
    });
    if let Some((account, answer)) = answered {
        let by = answer.by.as_deref().unwrap_or("nobody");
        return (Chosen::Account(account), format!("{by} said so on {}", answer.at.strftime("%F")));
    }
    let ours: Vec<&&Account> = candidates.iter().filter(|account| account.provenance != Provenance::Found).collect();
    if let [only] = ours.as_slice() {
        return (Chosen::Account(only.id), "it was used before".to_owned());
    }
    let rule = if by_rule { "the rule `select` holds for several of them, and " } else { "" };
    match facts.map(|facts| facts.several).unwrap_or_default() {
        Several::First => {
            let oldest = ours.first().copied().or(candidates.first());
            let chosen = oldest.map_or(Chosen::Skip, |account| Chosen::Account(account.id));
            (chosen, format!("{rule}the oldest is used"))
        }
        Several::Skip => (Chosen::Skip, format!("{rule}the account type says that such cases are skipped")),
        Several::Fail => (Chosen::Fail, format!("{rule}the account type says that such cases fail")),
        Several::Ask => {
            let application = facts.map_or("", |facts| &facts.application);
            let asked = Asked {
                key: question_key(account_type),
                label: format!("Which account: {}", catalogue.account_type_label(account_type)),
                owner: owner_of(facts.and_then(|facts| facts.ask.as_ref()), application),
                choices: candidates.iter().map(|account| account.key.clone()).collect(),
            };
            let why = format!("{rule}{} is asked which one is meant", asked.owner);
            (Chosen::Ask(asked), why)
        }
    }
}

#[cfg(test)]
mod tests {
    use model::account::AccountStatus;
    use model::value::Value;

    use super::*;
    use crate::worlds::{PERSON, account, configuration};

    fn catalogue(several: Several) -> Catalogue {
        let mut configuration = configuration();
        let kind = configuration.account_types.get_mut("person").unwrap();
        (kind.several, kind.ask) = (several, Some(Ask::Manager));
        Catalogue::new(&configuration)
    }

    fn person(id: i64, provenance: Provenance) -> Account {
        account(id, "person", AccountStatus::Enabled, provenance)
    }

    #[test]
    fn the_rule_then_memory_then_what_the_type_says() {
        use Provenance::{Adopted, Created, Found};
        let answer = |key: &str| Answer {
            id: model::ids::AnswerId(1),
            identity: PERSON,
            key: question_key("person"),
            value: Value::from(key),
            by: Some("ann".into()),
            at: jiff::Timestamp::UNIX_EPOCH,
        };
        let two = [person(1, Found), person(2, Found)];
        let owned = [person(1, Found), person(2, Adopted)];
        let both = [person(1, Created), person(2, Adopted)];
        let gone = [person(1, Found), account(2, "person", AccountStatus::Gone, Found)];
        let account = |id| Some(Chosen::Account(AccountId(id)));
        for (accounts, selected, answers, several, expect) in [
            (&two[..1], vec![], vec![], Several::Fail, None),
            (&gone[..], vec![], vec![], Several::Fail, None),
            (&two[..], vec![2], vec![], Several::Fail, account(2)),
            (&two[..], vec![1, 2], vec![], Several::First, account(1)),
            (&two[..], vec![], vec![answer("person-2")], Several::Fail, account(2)),
            (&two[..], vec![], vec![answer("person-9")], Several::Skip, Some(Chosen::Skip)),
            (&owned[..], vec![], vec![], Several::Fail, account(2)),
            (&owned[..], vec![1], vec![], Several::Fail, account(1)),
            (&owned[..], vec![], vec![answer("person-1")], Several::Fail, account(1)),
            (&both[..], vec![], vec![], Several::First, account(1)),
            (&both[..], vec![], vec![], Several::Fail, Some(Chosen::Fail)),
        ] {
            let selected = selected.into_iter().map(AccountId).collect();
            let owner_of = |_: Option<&Ask>, _: &str| FormOwner::Operators;
            let choices = choose(accounts, &catalogue(several), &selected, &answers, &owner_of);
            assert_eq!(
                choices.first().map(|choice| choice.chosen.clone()),
                expect,
                "{selected:?} {answers:?} {several:?}"
            );
            assert!(choices.iter().all(|choice| !choice.why.is_empty()));
        }
    }

    #[test]
    fn who_is_asked_is_told_what_there_is_to_choose() {
        let accounts = [person(2, Provenance::Found), person(1, Provenance::Found)];
        let owner_of = |ask: Option<&Ask>, application: &str| FormOwner::Login(format!("{ask:?} {application}"));
        let choices = choose(&accounts, &catalogue(Several::Ask), &BTreeSet::new(), &[], &owner_of);
        let Chosen::Ask(asked) = &choices[0].chosen else { panic!("{choices:?}") };
        assert_eq!(asked.choices, ["person-1", "person-2"]);
        assert_eq!(asked.owner, FormOwner::Login("Some(Manager) directory".into()));
    }
}
