//! What there is to allow, in words: every path that a page, a form, a route or a use case asks for. A test of the whole
//! program compares it with what they ask for.

use crate::configuration::Configuration;
use crate::job::Job;
use crate::user::{Duty, PermissionPath};

/// Path and what it allows, in the order in which people read them.
pub const ACTIONS: &[(&str, &str)] = &[
    ("/Home/View", "see the home page"),
    ("/Identities/View", "see people, what they hold, and why"),
    ("/Accounts/Correlate", "decide whose an account is"),
    ("/Applications/View", "see applications and the accounts in them"),
    ("/Applications/Test", "test the connection of an application"),
    ("/Applications/Probe", "read single accounts from an application again"),
    ("/Applications/Release", "let orders out again that an application or a restored database holds back"),
    ("/Agents/View", "see agents in other networks"),
    ("/Agents/Tokens", "make and revoke tokens of agents"),
    ("/Orders/View", "see provisioning orders"),
    ("/Orders/Retry", "send an order again at once"),
    ("/Orders/Edit", "change values of an order"),
    ("/Orders/SendToManual", "make a work item of an order"),
    ("/Orders/MarkDone", "count an order as done"),
    ("/Orders/Cancel", "cancel an order"),
    ("/Orders/Hold", "hold an order, and let it go"),
    ("/Orders/Bulk", "do any of these to several orders at once"),
    ("/Orders/Review", "decide on orders that wait for a review"),
    ("/Orders/BulkReview", "decide on several orders at once"),
    ("/WorkItems/View", "see the work of people"),
    ("/WorkItems/Fulfil", "take work, and report it done"),
    ("/WorkItems/Reassign", "give the work of others to somebody else"),
    ("/WorkItems/Bulk", "report many lines of work at once"),
    ("/Forms/View", "see all questions to people"),
    ("/Forms/Answer", "answer questions that nobody else can"),
    ("/Jobs/View", "see jobs and their runs"),
    ("/Jobs/Run", "start, cancel and repeat runs"),
    ("/Jobs/Resume", "let a run go on that a threshold or a ring stopped"),
    ("/Jobs/Undo", "take back what a run did"),
    ("/NativeChanges/View", "see what was changed in applications themselves"),
    ("/NativeChanges/Decide", "accept or set back such changes"),
    ("/Violations/View", "see who breaks rules of risks"),
    ("/Violations/Decide", "decide on violations that somebody else answers for"),
    ("/Risks/Override", "ask for access although a risk forbids it"),
    ("/Reconciliation/View", "see what nothing grants"),
    ("/Reconciliation/Decide", "keep or remove what nothing grants"),
    ("/Reconciliation/GoLive", "mark what was there before an application went live"),
    ("/Requests/View", "see what was asked for"),
    ("/Requests/Submit", "give and take away access by hand"),
    ("/Requests/Bulk", "give and take away many things at once"),
    ("/Requests/Expedite", "give a request a more urgent priority"),
    ("/Requests/Relay", "hand in requests of other systems"),
    ("/Requests/Approve", "decide about requests that have come to everybody"),
    ("/Certifications/View", "see every certification campaign"),
    ("/Certifications/Manage", "begin and end campaigns"),
    ("/SignIns/Report", "tell of sign-ins in the place of an identity provider"),
    ("/SignIns/Tokens", "make and revoke tokens of identity providers"),
    ("/Configuration/View", "see role model and configuration"),
    ("/Configuration/Draft", "change them in drafts"),
    ("/Configuration/Apply", "make a configuration live"),
    ("/Configuration/Secrets", "keep secrets for connections"),
    ("/Events/View", "see which systems are told of what happens"),
    ("/Events/Manage", "pause, repeat and skip what they are told"),
    ("/Events/Tokens", "make and revoke tokens of receivers"),
    ("/Views/Share", "share views of lists, and take away what others share"),
    ("/Mails/View", "see what people were told by mail"),
    ("/Mails/Retry", "send a mail again"),
    ("/Mails/GiveUp", "send a mail no more"),
    ("/Mails/Test", "send a test mail to oneself"),
    ("/Users/View", "see who signs in, permission profiles, and who is notified"),
    ("/Users/Manage", "add and change users"),
    ("/Users/Elevate", "give permissions that one does not hold, and change users who may do more"),
];

/// What a profile may allow about some people only; these alone ask about whom.
pub const ABOUT_PEOPLE: [&str; 4] = ["/Identities/View", "/Orders/View", "/Requests/View", "/Requests/Submit"];

/// Whether everything that the entry allows can be allowed about some people only.
pub fn is_about_people(entry: &PermissionPath) -> bool {
    ABOUT_PEOPLE.contains(&entry.as_str())
}

/// What a path may be narrowed to by the name of a thing below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Narrowing {
    AccountType,
    Job,
    /// An application or integration.
    Carrier,
    /// An account type, or an application for accounts without one.
    AccountTypeOrApplication,
    Risk,
}

impl Narrowing {
    /// What the action can be narrowed to.
    pub fn of(action: &str) -> Option<Self> {
        match action {
            "/WorkItems/Fulfil" | "/Orders/Review" => Some(Self::AccountType),
            "/Jobs/View" => Some(Self::Job),
            "/Applications/View" => Some(Self::Carrier),
            "/NativeChanges/View" => Some(Self::AccountTypeOrApplication),
            "/Violations/View" => Some(Self::Risk),
            _ => None,
        }
    }

    /// Names of all that there are.
    pub fn names(self, configuration: &Configuration) -> Vec<String> {
        match self {
            Self::AccountType => configuration.account_types.keys().cloned().collect(),
            Self::Job => {
                let jobs = Job::all(&configuration.jobs, &configuration.organisation.time_zone);
                jobs.into_iter().map(|job| job.name).collect()
            }
            Self::Carrier => configuration.carriers().map(|(name, _)| name.clone()).collect(),
            Self::Risk => configuration.risks.keys().cloned().collect(),
            Self::AccountTypeOrApplication => {
                configuration.account_types.keys().chain(configuration.applications.keys()).cloned().collect()
            }
        }
    }
}

/// What an action's path allows, in words.
pub fn words(action: &str) -> Option<&'static str> {
    ACTIONS.iter().find(|(path, _)| *path == action).map(|(_, words)| *words)
}

/// The action's path in all spellings there are.
fn spellings(action: &str) -> Vec<PermissionPath> {
    match Duty::of(action) {
        Some(duty) => duty.everywhere(),
        None => PermissionPath::parse(action).into_iter().collect(),
    }
}

/// Actions that an entry allows as a whole.
pub fn covered(entry: &PermissionPath) -> Vec<&'static str> {
    let is_covered = |action: &&str| spellings(action).iter().any(|spelled| entry.grants(spelled));
    ACTIONS.iter().map(|(path, _)| *path).filter(is_covered).collect()
}

/// The action that an entry allows for one thing alone, and the name of that, as far as the path has kept it.
pub fn narrowed(entry: &PermissionPath) -> Option<(&'static str, String)> {
    ACTIONS.iter().filter(|(path, _)| Narrowing::of(path).is_some()).find_map(|(path, _)| {
        let below = |parent: PermissionPath| {
            let name = entry.as_str().strip_prefix(parent.as_str())?.strip_prefix('/')?;
            Some((*path, name.to_owned()))
        };
        spellings(path).into_iter().find_map(below)
    })
}

/// Whether something asks for the entry, or for what lies below it.
pub fn is_known(configuration: &Configuration, entry: &PermissionPath) -> bool {
    if !covered(entry).is_empty() {
        return true;
    }
    let Some((action, _)) = narrowed(entry) else { return false };
    let names = Narrowing::of(action).map(|narrowing| narrowing.names(configuration)).unwrap_or_default();
    let is_named =
        |parent: &PermissionPath, name: &String| PermissionPath::of(parent.as_str(), name).as_ref() == Some(entry);
    spellings(action).iter().any(|parent| names.iter().any(|name| is_named(parent, name)))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_action_is_a_path_and_stands_once() {
        let paths: BTreeSet<&str> = ACTIONS.iter().map(|(path, _)| *path).collect();
        assert_eq!(paths.len(), ACTIONS.len());
        for (path, words) in ACTIONS {
            assert_eq!(PermissionPath::parse(path).unwrap().as_str(), *path);
            assert!(!words.is_empty() && !words.ends_with('.'), "{path}");
        }
    }

    #[test]
    fn entries_are_known_by_what_lies_below_them() {
        let configuration = Configuration::default();
        for (entry, covers, is_known) in [
            ("/*", ACTIONS.len(), true),
            ("/Jobs", 4, true),
            ("/Jobs/Run", 1, true),
            ("/Custom/Jobs", 4, true),
            ("/ProvisioningPolicy", 2, true),
            ("/ProvisioningPolicy/ReviewProvisioning", 1, true),
            ("/Jobs/View/complete", 0, true),
            ("/Jobs/View/nightly-of-nobody", 0, false),
            ("/Jobs/Run/complete", 0, false),
            ("/Jobz", 0, false),
            ("/WorkItems/Fulfil/nothing", 0, false),
        ] {
            let entry = PermissionPath::parse(entry).unwrap();
            assert_eq!(covered(&entry).len(), covers, "{entry:?}");
            assert_eq!(super::is_known(&configuration, &entry), is_known, "{entry:?}");
        }
        let theirs = PermissionPath::parse("/ProvisioningPolicy/PerformManualProvisioning/terminal").unwrap();
        assert_eq!(narrowed(&theirs), Some(("/WorkItems/Fulfil", "terminal".to_owned())));
    }
}
