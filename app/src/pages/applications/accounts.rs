//! The accounts of an application: whose they are, of which type, and what a person decides where rules are not certain.

use leptos::prelude::*;
use model::correlation::{CERTAIN, Decision};
use model::error::ApiError;
use model::ids::{AccountId, IdentityId};
use model::page::Page;
use model::view::{
    AccountDecision, AccountFilter, AccountRow, AccountShow, ApplicationDetail, ApplicationRow, OwnerProposal,
};

use crate::components::chip;
use crate::components::form::{no_default, option, refused};
use crate::components::icon::icon;
use crate::components::list::{Choice, Empty, ago, ago_or_dash, empty, filter_chips, pagination};
use crate::frame::Rights;
use crate::islands::Selection;
use crate::logic::flash::Flash;
use crate::logic::query::accounts_address;
use crate::logic::time::Clock;
use crate::logic::{address, words};
use crate::pages::reconciliation;
use crate::ssr;

/// What it takes to decide.
const CORRELATE: &str = "/Accounts/Correlate";

/// Decides about one account, named in the button, or about those that are ticked. `act` is the button that was pressed.
#[server(prefix = "/api/pages", endpoint = "accounts/decide")]
pub async fn decide_accounts(
    #[server(default)] application: String,
    #[server(default)] show: String,
    #[server(default)] ids: Vec<String>,
    #[server(default)] act: String,
    #[server(default)] key: String,
    #[server(default)] account_type: String,
) -> Result<(), ServerFnError> {
    let op = ssr::op().await?;
    let form = Form { ids, act, key, account_type };
    let outcome = async { carry_out(&op, form).await }.await;
    let show = AccountShow::from_name(&show).unwrap_or_default();
    let list = accounts_address(&AccountFilter { application, show, ..AccountFilter::default() });
    ssr::finish(outcome, &list.to_string())
}

struct Form {
    ids: Vec<String>,
    act: String,
    key: String,
    account_type: String,
}

async fn carry_out(op: &engine::context::OpContext, form: Form) -> Result<Flash, ApiError> {
    let act = Act::read(&form.act)?;
    let accounts = match &act {
        Act::One(account, _) => vec![*account],
        _ => ticked(&form.ids)?,
    };
    let (outcomes, done) = match act {
        Act::One(_, One::Reopen) | Act::Reopen => (engine::accounts::reopen(op, accounts).await?, "reopened"),
        Act::One(_, One::Decide(decision)) => {
            let done = done(&decision);
            (engine::accounts::decide(op, accounts, decision).await?, done)
        }
        Act::LinkProposed => (engine::accounts::link_proposed(op, accounts).await?, "linked to who was proposed"),
        Act::Orphan => (engine::accounts::decide(op, accounts, Decision::Orphan).await?, done(&Decision::Orphan)),
        Act::LinkKey => {
            if form.key.trim().is_empty() {
                return Err(ApiError::invalid(
                    "key",
                    "Write the key of the person whom the ticked accounts belong to.",
                ));
            }
            let identity = engine::identities::find(op, form.key.trim()).await?;
            (engine::accounts::decide(op, accounts, Decision::Linked { identity }).await?, "linked")
        }
        Act::Classify => {
            if form.account_type.is_empty() {
                return Err(ApiError::invalid("account_type", "Choose the type of the ticked accounts."));
            }
            let decision = Decision::Classified { account_type: form.account_type };
            (engine::accounts::decide(op, accounts, decision).await?, "given their type")
        }
    };
    Ok(Flash::of_each(&outcomes, ("account", "accounts"), done))
}

fn done(decision: &Decision) -> &'static str {
    match decision {
        Decision::Linked { .. } => "linked",
        Decision::NotTheirs { .. } => "kept from who was proposed",
        Decision::Orphan => "left without an owner",
        Decision::Classified { .. } => "given their type",
    }
}

/// What a button says: about one account, or about those that are ticked.
#[derive(Debug, PartialEq, Eq)]
enum Act {
    One(AccountId, One),
    LinkProposed,
    LinkKey,
    Orphan,
    Classify,
    Reopen,
}

#[derive(Debug, PartialEq, Eq)]
enum One {
    Decide(Decision),
    Reopen,
}

impl Act {
    /// `link:ACCOUNT:IDENTITY`, `not_theirs:ACCOUNT:IDENTITY`, `classify:ACCOUNT:TYPE`, `reopen:ACCOUNT`, or a word for
    /// what is ticked.
    fn read(text: &str) -> Result<Self, ApiError> {
        let parts: Vec<&str> = text.splitn(3, ':').collect();
        let account = || parts.get(1).and_then(|id| id.parse::<AccountId>().ok());
        let identity = || parts.get(2).and_then(|id| id.parse::<IdentityId>().ok());
        let one = |decision| account().map(|account| Self::One(account, One::Decide(decision)));
        let read = match (parts.as_slice(), identity()) {
            (["link_proposed"], _) => Some(Self::LinkProposed),
            (["link_key"], _) => Some(Self::LinkKey),
            (["orphan"], _) => Some(Self::Orphan),
            (["classify"], _) => Some(Self::Classify),
            (["reopen"], _) => Some(Self::Reopen),
            (["link", ..], Some(identity)) => one(Decision::Linked { identity }),
            (["not_theirs", ..], Some(identity)) => one(Decision::NotTheirs { identity }),
            (["classify", _, account_type], _) => {
                one(Decision::Classified { account_type: (*account_type).to_owned() })
            }
            (["reopen", _], _) => account().map(|account| Self::One(account, One::Reopen)),
            _ => None,
        };
        read.ok_or_else(|| ApiError::invalid("act", "Choose what to do with the accounts."))
    }
}

fn ticked(ids: &[String]) -> Result<Vec<AccountId>, ApiError> {
    if ids.is_empty() {
        return Err(ApiError::invalid("ids", "No account is ticked. Tick at least one, then choose what to do."));
    }
    ids.iter().map(|id| ssr::id(id, "account")).collect()
}

/// How many wait for a person, for the overview.
pub(super) fn counts(row: &ApplicationRow) -> impl IntoView + use<> {
    let line = |show, label: &str, count: u64| {
        let filter = AccountFilter { application: row.name.clone(), show, ..AccountFilter::default() };
        view! { <div><dt>{label.to_owned()}</dt><dd><a href=accounts_address(&filter).to_string()>{words::total(count)}</a></dd></div> }
    };
    view! {
        <dl class="counts">
            {line(AccountShow::All, "all", row.accounts)}
            {line(AccountShow::Proposed, "with a proposed owner", row.proposed)}
            {line(AccountShow::WithoutOwner, "without an owner", row.without_owner)}
            {line(AccountShow::Unclassified, "without a type", row.unclassified)}
        </dl>
    }
}

pub(super) fn accounts(
    detail: &ApplicationDetail,
    page: Page<AccountRow>,
    filter: &AccountFilter,
    rights: &Rights,
    clock: &Clock,
) -> impl IntoView + use<> {
    let path = address::application(&filter.application);
    let shown = page.rows.len();
    let may_decide = rights.may(CORRELATE);
    let content = match (shown, filter.show, filter.text.is_some()) {
        (0, _, true) => empty("No accounts", Empty::Filtered { clear: format!("{path}?tab=accounts") }),
        (0, AccountShow::All, false) => empty(
            "No accounts yet",
            Empty::NeverUsed {
                text: "They appear when the application has been collected.",
                action: Some(("Job execution", "/jobs")),
            },
        ),
        (0, show, false) => empty("Nothing to decide", Empty::AllDone { text: nothing_left(show) }),
        _ => board(detail, &page.rows, filter, may_decide, clock).into_any(),
    };
    let show = (filter.show != AccountShow::All)
        .then(|| view! { <input type="hidden" name="show" value=filter.show.name() /> });
    let waits = detail.row.proposed + detail.row.unclassified > 0;
    view! {
        {choices(&detail.row, filter)}
        <form class="filters" action=path role="search" aria-label="Filter accounts">
            <input type="hidden" name="tab" value="accounts" />
            {show}
            <input type="search" name="text" value=filter.text.clone() placeholder="Key or owner" aria-label="Key or owner" />
            <button class="button">"Filter"</button>
        </form>
        {(waits && !may_decide).then(|| refused("Deciding whose accounts these are", CORRELATE))}
        {content}
        {(shown > 0).then(|| pagination(accounts_address(filter), shown, page.counted(), filter.after.is_none(), page.next, ("account", "accounts")))}
    }
}

fn nothing_left(show: AccountShow) -> &'static str {
    match show {
        AccountShow::Proposed => "No account waits for a word about whose it is.",
        AccountShow::WithoutOwner => "Every account has an owner.",
        AccountShow::Unclassified => "Every account has a type.",
        AccountShow::All => "There are no accounts.",
    }
}

fn choices(row: &ApplicationRow, filter: &AccountFilter) -> impl IntoView + use<> {
    let choices = AccountShow::ALL.map(|show| {
        let (label, count, shape) = match show {
            AccountShow::All => ("All", row.accounts, None),
            AccountShow::Proposed => ("Proposed owner", row.proposed, Some("search")),
            AccountShow::WithoutOwner => ("Without an owner", row.without_owner, Some("user")),
            AccountShow::Unclassified => ("Without a type", row.unclassified, Some("dash")),
        };
        Choice {
            label: label.to_owned(),
            count: Some(count),
            address: accounts_address(&AccountFilter { show, ..filter.clone() }).to_string(),
            chosen: filter.show == show,
            shape,
        }
    });
    filter_chips("Which accounts", choices.into())
}

/// One form around all rows: a button in a line decides about that account, one below about those that are ticked.
fn board(
    detail: &ApplicationDetail,
    rows: &[AccountRow],
    filter: &AccountFilter,
    may_decide: bool,
    clock: &Clock,
) -> impl IntoView + use<> {
    let types: Vec<(String, String)> =
        detail.account_types.iter().map(|kind| (kind.name.clone(), kind.display_name.clone())).collect();
    let lines = rows.iter().map(|row| line(row, &types, may_decide, clock)).collect_view();
    let tick = may_decide.then(|| view! { <th scope="col" class="tick"><span class="sr">"Tick"</span></th> });
    let table = view! {
        <table class="ledger">
            <thead><tr>{tick}<th scope="col">"Account"</th><th scope="col">"Owner"</th><th scope="col">"Type"</th><th scope="col">"Status"</th><th scope="col" class="number">"Entitlements"</th><th scope="col">"Read"</th></tr></thead>
            <tbody>{lines}</tbody>
        </table>
    };
    if !may_decide {
        return table.into_any();
    }
    let offered = types.iter().map(|(name, label)| option(name.clone(), label.clone(), false)).collect_view();
    let classify = (types.len() > 1).then(|| {
        view! {
            <select name="account_type" aria-label="Type"><option value="">"Type …"</option>{offered}</select>
            <button class="button" name="act" value="classify">"Set type"</button>
        }
    });
    view! {
        <form method="post" action="/api/pages/accounts/decide" class="bulk">
            {no_default()}
            <input type="hidden" name="application" value=filter.application.clone() />
            <input type="hidden" name="show" value=filter.show.name() />
            {table}
            <div class="bulk-bar">
                <Selection />
                <span class="spring"></span>
                <button class="button primary" name="act" value="link_proposed">{icon("check")}"Link as proposed"</button>
                <input name="key" maxlength="200" placeholder="Key of a person" aria-label="Key of the person they belong to" />
                <button class="button" name="act" value="link_key">"Link"</button>
                <button class="button" name="act" value="orphan">"Leave without owner"</button>
                {classify}
                <button class="button" name="act" value="reopen">"Reopen"</button>
            </div>
        </form>
    }
    .into_any()
}

fn line(row: &AccountRow, types: &[(String, String)], may_decide: bool, clock: &Clock) -> impl IntoView + use<> {
    let tick = may_decide.then(|| {
        let label = format!("Account {}", known_as(row));
        view! { <td class="tick"><input type="checkbox" name="ids[]" value=row.id.to_string() aria-label=label /></td> }
    });
    let is_orphan = row.decisions.iter().any(|decided| decided.decision == Decision::Orphan);
    let owner = match &row.owner {
        Some((id, name)) => view! { <a data-open="" href=format!("/identities/{id}")>{name.clone()}</a> }.into_any(),
        None if row.stands_for_entitlement => {
            let why = "It stands for an entitlement, by an indirect rule".to_owned();
            chip::chip(chip::Tone::Idle, "key", "Nobody's", why).into_any()
        }
        None if is_orphan => {
            chip::chip(chip::Tone::Idle, "user", "Nobody", "A person left it without an owner".to_owned()).into_any()
        }
        None => chip::chip(chip::Tone::Warn, "user", "Nobody", "No identity owns this account".to_owned()).into_any(),
    };
    let proposals = (!is_orphan && !row.proposals.is_empty()).then(|| {
        let candidates = row.proposals.iter().map(|proposal| candidate(row, proposal, may_decide)).collect_view();
        view! { <ul class="plain candidates">{candidates}</ul> }
    });
    let label = |name: &str| {
        types.iter().find(|(known, _)| known == name).map_or_else(|| name.to_owned(), |(_, label)| label.clone())
    };
    let kind = match row.account_type.is_empty() {
        false => view! { {label(&row.account_type)} }.into_any(),
        true => {
            let offered = row.types.iter().map(|offered| {
                let what = format!("{} ({} %)", label(&offered.account_type), offered.confidence.min(CERTAIN));
                match may_decide {
                    true => view! { <li><button class="button small" name="act" value=format!("classify:{}:{}", row.id, offered.account_type) title=offered.when.clone()>{what}</button></li> }.into_any(),
                    false => view! { <li>{what}</li> }.into_any(),
                }
            });
            let unknown =
                chip::chip(chip::Tone::Warn, "dash", "Unknown", "No rule is sure of which type it is".to_owned());
            view! { {unknown}<ul class="plain candidates">{offered.collect_view()}</ul> }.into_any()
        }
    };
    let native = row.called.as_ref().map(|_| view! { " "<span class="subtle">{row.key.clone()}</span> });
    let reopen = (may_decide && !row.decisions.is_empty()).then(|| {
        let name = format!("Reopen what was decided about {}", known_as(row));
        view! { <button class="button small" name="act" value=format!("reopen:{}", row.id) aria-label=name>"Reopen"</button> }
    });
    let reconciled = (!row.reconciled.is_empty()).then(|| {
        let rows = row.reconciled.iter().map(|decided| reconciliation::decided(decided, clock)).collect_view();
        view! { <div class="decided">{rows}</div> }
    });
    let decided = (!row.decisions.is_empty()).then(|| {
        let decisions = row.decisions.iter().map(|decided| decision(decided, &label, clock)).collect_view();
        view! { <div class="decided">{decisions}{reopen}</div> }
    });
    view! {
        <tr data-row="">
            {tick}
            <td data-label="Account" class="mono name">{known_as(row)}{native}</td>
            <td data-label="Owner" class="wide">{owner}{proposals}{decided}{reconciled}</td>
            <td data-label="Type">{kind}</td>
            <td data-label="Status">{chip::account(row.status)}</td>
            <td data-label="Entitlements" class="number">{row.entitlements}</td>
            <td data-label="Read" class="when">{ago_or_dash(clock, row.observed_at)}</td>
        </tr>
    }
}

/// As people know it.
pub(crate) fn known_as(row: &AccountRow) -> String {
    row.called.clone().unwrap_or_else(|| row.key.clone())
}

fn candidate(row: &AccountRow, proposal: &OwnerProposal, may_decide: bool) -> impl IntoView + use<> {
    let identity = proposal.candidate.identity;
    let because: Vec<String> = proposal
        .candidate
        .matches
        .iter()
        .map(|matched| format!("{} is {}", words::attribute(&matched.attribute), matched.value))
        .collect();
    let buttons = may_decide.then(|| {
        let (link, reject) = (format!("link:{}:{identity}", row.id), format!("not_theirs:{}:{identity}", row.id));
        let (linked, rejected) = (
            format!("Link {} to {}", known_as(row), proposal.display_name),
            format!("Not theirs: {} is no account of {}", known_as(row), proposal.display_name),
        );
        view! {
            <button class="button small" name="act" value=link aria-label=linked>"Link"</button>
            <button class="button small" name="act" value=reject aria-label=rejected>"Not theirs"</button>
        }
    });
    view! {
        <li>
            <span><a href=format!("/identities/{identity}")>{proposal.display_name.clone()}</a>" "<span class="mono subtle">{proposal.key.clone()}</span></span>
            <span class="muted">{format!("{} %: {}", proposal.candidate.confidence.min(CERTAIN), because.join(", "))}</span>
            <span class="candidate-acts">{buttons}</span>
        </li>
    }
}

fn decision(decided: &AccountDecision, label: &dyn Fn(&str) -> String, clock: &Clock) -> impl IntoView + use<> {
    let name = decided.name.clone().unwrap_or_default();
    let what = match &decided.decision {
        Decision::Linked { .. } => "Linked".to_owned(),
        Decision::NotTheirs { .. } => format!("Not {name}'s"),
        Decision::Orphan => "Left without an owner".to_owned(),
        Decision::Classified { account_type } => format!("{}, chosen", label(account_type)),
    };
    view! { <span class="subtle">{what}" by "{decided.by.clone()}" "{ago(clock, decided.at)}</span> }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_button_says_what_to_decide() {
        let linked = |account, identity| {
            Act::One(AccountId(account), One::Decide(Decision::Linked { identity: IdentityId(identity) }))
        };
        let cases = [
            ("link:7:9", Some(linked(7, 9))),
            (
                "not_theirs:7:9",
                Some(Act::One(AccountId(7), One::Decide(Decision::NotTheirs { identity: IdentityId(9) }))),
            ),
            (
                "classify:7:admin:x",
                Some(Act::One(AccountId(7), One::Decide(Decision::Classified { account_type: "admin:x".into() }))),
            ),
            ("reopen:7", Some(Act::One(AccountId(7), One::Reopen))),
            ("reopen", Some(Act::Reopen)),
            ("link_proposed", Some(Act::LinkProposed)),
            ("orphan", Some(Act::Orphan)),
            ("classify", Some(Act::Classify)),
            ("link_key", Some(Act::LinkKey)),
            ("link:7", None),
            ("link:x:9", None),
            ("link:7:x", None),
            ("reopen:x", None),
            ("", None),
        ];
        for (text, expected) in cases {
            assert_eq!(Act::read(text).ok(), expected, "{text}");
        }
    }

    #[test]
    fn something_has_to_be_ticked() {
        assert_eq!(ticked(&[]).unwrap_err().field.as_deref(), Some("ids"));
        assert_eq!(ticked(&["7".into()]).unwrap(), [AccountId(7)]);
        assert!(ticked(&["x".into()]).is_err());
    }
}
