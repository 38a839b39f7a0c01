//! The query of an address, and the filters of lists read from it. Unknown words are ignored: an address typed by hand
//! shows more than was asked for, never an error.

use model::account::Mechanism;
use model::approval::ApprovalFilter;
use model::certification::{ItemFilter, ItemState};
use model::event::{EventFilter, EventType, Stream};
use model::form::{FormFilter, FormScope};
use model::identity::LifecycleState;
use model::ids::CampaignId;
use model::job::LogLevel;
use model::mail::{MailFilter, MailState};
use model::native_change::{NativeChangeFilter, NativeChangeKind, NativeChangeState};
use model::order::{ProvisioningState, Trouble};
use model::plan::Operation;
use model::reconciliation::{Origin, ReconciliationFilter, View};
use model::request::{RequestFilter, RequestState};
use model::risk::{ViolationFilter, ViolationState};
use model::trigger::Trigger;
use model::user::{UserFilter, UserShow};
use model::view::{AccountFilter, AccountShow, BulkFilter, IdentityFilter, OrderFilter, WorkItemFilter, WorkItemScope};
use model::work_item::WorkItemState;

use super::address::{self, Address, decode};

/// Longest text that is taken from a search box.
const TEXT_LIMIT: usize = 200;

/// Parameters in the order in which they came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query(Vec<(String, String)>);

impl Query {
    /// From what follows the `?`.
    pub fn parse(text: &str) -> Self {
        let pairs = text.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name), decode(value).trim().to_owned())
        });
        Self(pairs.filter(|(_, value)| !value.is_empty()).collect())
    }

    /// The last value of that name.
    pub fn get(&self, name: &str) -> Option<String> {
        let found = self.0.iter().rev().find(|(key, _)| key == name);
        found.map(|(_, value)| value.chars().take(TEXT_LIMIT).collect())
    }

    /// All values of that name.
    pub fn all(&self, name: &str) -> Vec<String> {
        self.0.iter().filter(|(key, _)| key == name).map(|(_, value)| value.clone()).collect()
    }

    /// Every parameter, in order.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    fn parsed<T>(&self, name: &str, read: impl Fn(&str) -> Option<T>) -> Option<T> {
        self.get(name).and_then(|value| read(&value))
    }
}

/// Lifecycle states by name.
pub fn lifecycle(name: &str) -> Option<LifecycleState> {
    [LifecycleState::Joiner, LifecycleState::Active, LifecycleState::Leaver]
        .into_iter()
        .find(|state| state.name() == name)
}

pub fn identities(query: &Query) -> IdentityFilter {
    IdentityFilter {
        text: query.get("text"),
        department: query.get("department"),
        lifecycle: query.parsed("lifecycle", lifecycle),
        state: query.get("state"),
        after: query.get("after"),
        ..IdentityFilter::default()
    }
}

/// Orders. The text may hold `state:`, `application:`, `carrier:`, `mechanism:`, `trouble:` and `fingerprint:` terms, as an expert types them.
pub fn orders(query: &Query) -> OrderFilter {
    let mut filter = OrderFilter {
        text: None,
        application: query.get("application"),
        state: query.parsed("state", ProvisioningState::from_slug),
        mechanism: query.parsed("mechanism", Mechanism::from_name),
        carrier: query.get("carrier"),
        identity: query.parsed("identity", |value| value.parse().ok()),
        run: query.parsed("run", |value| value.parse().ok()),
        trouble: query.parsed("trouble", Trouble::from_name),
        fingerprint: query.get("fingerprint"),
        after: query.get("after"),
        ..OrderFilter::default()
    };
    let mut words = Vec::new();
    for word in query.get("text").unwrap_or_default().split_whitespace() {
        match word.split_once(':') {
            Some(("state", value)) if ProvisioningState::from_slug(value).is_some() => {
                filter.state = ProvisioningState::from_slug(value);
            }
            Some(("mechanism", value)) if Mechanism::from_name(value).is_some() => {
                filter.mechanism = Mechanism::from_name(value);
            }
            Some(("trouble", value)) if Trouble::from_name(value).is_some() => {
                filter.trouble = Trouble::from_name(value);
            }
            Some(("fingerprint", value)) if !value.is_empty() => filter.fingerprint = Some(value.to_owned()),
            Some(("application", value)) if !value.is_empty() => filter.application = Some(value.to_owned()),
            Some(("carrier", value)) if !value.is_empty() => filter.carrier = Some(value.to_owned()),
            _ => words.push(word.to_owned()),
        }
    }
    filter.text = Some(words.join(" ")).filter(|text| !text.is_empty());
    filter
}

pub fn requests(query: &Query) -> RequestFilter {
    RequestFilter {
        text: query.get("text"),
        state: query.parsed("state", RequestState::from_name),
        trigger: query.parsed("trigger", Trigger::from_name),
        identity: query.parsed("identity", |text| text.parse().ok()),
        requester: query.get("requester"),
        after: query.get("after"),
        ..RequestFilter::default()
    }
}

/// The address of the list with this filter, from its first row.
pub fn requests_address(filter: &RequestFilter) -> Address {
    Address::new("/requests")
        .with("state", filter.state.map(RequestState::name))
        .with("text", filter.text.as_deref())
        .with("trigger", filter.trigger.map(Trigger::name))
        .with("identity", filter.identity.map(|id| id.to_string()).as_deref())
        .with("requester", filter.requester.as_deref())
}

pub fn users(query: &Query) -> UserFilter {
    UserFilter {
        text: query.get("text"),
        profile: query.get("profile"),
        show: query.parsed("show", UserShow::from_name),
        after: query.get("after"),
        limit: None,
    }
}

/// The address of the list with this filter, from its first row.
pub fn users_address(filter: &UserFilter) -> Address {
    Address::new("/users")
        .with("text", filter.text.as_deref())
        .with("profile", filter.profile.as_deref())
        .with("show", filter.show.map(UserShow::name))
}

pub fn approvals(query: &Query) -> ApprovalFilter {
    ApprovalFilter {
        all: query.get("whose").is_some_and(|whose| whose == "all"),
        request: query.parsed("request", |text| text.parse().ok()),
        after: query.get("after"),
        limit: None,
    }
}

/// The address of the list with this filter, from its first row.
pub fn approvals_address(filter: &ApprovalFilter) -> Address {
    Address::new("/approvals")
        .with("whose", filter.all.then_some("all"))
        .with("request", filter.request.map(|id| id.to_string()).as_deref())
}

pub fn native_changes(query: &Query) -> NativeChangeFilter {
    NativeChangeFilter {
        application: query.get("application"),
        kind: query.parsed("kind", NativeChangeKind::from_name),
        state: query.parsed("state", NativeChangeState::from_name),
        identity: query.parsed("identity", |text| text.parse().ok()),
        before: query.parsed("after", |text| text.parse().ok()),
        limit: None,
    }
}

/// The address of the list with this filter, from its first row.
pub fn native_changes_address(filter: &NativeChangeFilter) -> Address {
    Address::new("/native-changes")
        .with("application", filter.application.as_deref())
        .with("kind", filter.kind.map(NativeChangeKind::name))
        .with("state", filter.state.map(NativeChangeState::name))
        .with("identity", filter.identity.map(|id| id.to_string()).as_deref())
}

pub fn violations(query: &Query) -> ViolationFilter {
    ViolationFilter {
        risk: query.get("risk"),
        level: query.parsed("level", |text| text.parse().ok()),
        state: query.parsed("state", ViolationState::from_name),
        application: query.get("application"),
        identity: query.parsed("identity", |text| text.parse().ok()),
        before: query.parsed("after", |text| text.parse().ok()),
        limit: None,
    }
}

/// The address of the list with this filter, from its first row.
pub fn violations_address(filter: &ViolationFilter) -> Address {
    Address::new("/violations")
        .with("risk", filter.risk.as_deref())
        .with("level", filter.level.map(|level| level.to_string()).as_deref())
        .with("state", filter.state.map(ViolationState::name))
        .with("application", filter.application.as_deref())
        .with("identity", filter.identity.map(|id| id.to_string()).as_deref())
}

pub fn certification_items(query: &Query) -> ItemFilter {
    ItemFilter {
        state: query.parsed("state", ItemState::from_name),
        origin: query.parsed("origin", model::certification::Origin::from_name),
        application: query.get("application"),
        text: query.get("text"),
        mine: query.get("mine").is_some(),
        after: query.parsed("after", |text| text.parse().ok()),
        limit: None,
    }
}

/// The address of the campaign with this filter, from its first item.
pub fn certification_items_address(id: CampaignId, filter: &ItemFilter) -> Address {
    Address::new(format!("/certifications/{id}"))
        .with("mine", filter.mine.then_some("yes"))
        .with("state", filter.state.map(ItemState::name))
        .with("origin", filter.origin.map(model::certification::Origin::name))
        .with("application", filter.application.as_deref())
        .with("text", filter.text.as_deref())
}

pub fn reconciliation(query: &Query) -> ReconciliationFilter {
    ReconciliationFilter {
        view: query.parsed("view", View::from_name).unwrap_or_default(),
        application: query.get("application"),
        account_type: query.get("account_type"),
        text: query.get("text"),
        identity: query.parsed("identity", |text| text.parse().ok()),
        since: query.parsed("since", |text| text.parse().ok()),
        origin: query.parsed("origin", Origin::from_name),
        after: query.get("after"),
        limit: None,
    }
}

/// The address of the list with this filter, from its first row.
pub fn reconciliation_address(filter: &ReconciliationFilter) -> Address {
    Address::new("/reconciliation")
        .with("view", Some(filter.view).filter(|view| *view != View::default()).map(View::name))
        .with("application", filter.application.as_deref())
        .with("account_type", filter.account_type.as_deref())
        .with("text", filter.text.as_deref())
        .with("identity", filter.identity.map(|id| id.to_string()).as_deref())
        .with("since", filter.since.map(|day| day.to_string()).as_deref())
        .with("origin", filter.origin.map(Origin::name))
}

/// Work items; the open ones unless told.
pub fn work_items(query: &Query) -> WorkItemFilter {
    let state = match query.get("state").as_deref() {
        Some("all") => None,
        Some(name) => Some(WorkItemState::from_name(name).unwrap_or(WorkItemState::Open)),
        None => Some(WorkItemState::Open),
    };
    WorkItemFilter {
        text: query.get("text"),
        application: query.get("application"),
        state,
        scope: query.parsed("scope", WorkItemScope::from_name).unwrap_or_default(),
        overdue: query.get("overdue").is_some(),
        after: query.get("after"),
        limit: None,
    }
}

/// Which open lines to provision together.
pub fn bulk(query: &Query) -> BulkFilter {
    BulkFilter {
        application: query.get("application"),
        account_type: query.get("account_type"),
        operation: query.parsed("operation", Operation::from_name),
    }
}

/// The address of a list of open lines.
pub fn bulk_address(path: &str, filter: &BulkFilter) -> Address {
    Address::new(path)
        .with("application", filter.application.as_deref())
        .with("account_type", filter.account_type.as_deref())
        .with("operation", filter.operation.map(Operation::name))
}

pub fn accounts(application: &str, query: &Query) -> AccountFilter {
    AccountFilter {
        application: application.to_owned(),
        text: query.get("text"),
        show: query.parsed("show", AccountShow::from_name).unwrap_or_default(),
        after: query.get("after"),
        limit: None,
    }
}

/// The address of an application's accounts with this filter, from the first row.
pub fn accounts_address(filter: &AccountFilter) -> Address {
    Address::new(address::application(&filter.application))
        .with("tab", Some("accounts"))
        .with("text", filter.text.as_deref())
        .with("show", (filter.show != AccountShow::All).then(|| filter.show.name()))
}

/// Which stream the page of events shows as a list; without it, the page shows receivers.
pub const STREAM: &str = "stream";

pub fn events(query: &Query) -> EventFilter {
    let day = |text: &str| text.parse().ok();
    let is_type =
        |word: &String| EventType::ALL.iter().any(|kind| *kind != EventType::Audited && kind.is_meant_by(word));
    let filter = EventFilter {
        stream: query.parsed(STREAM, Stream::from_name).unwrap_or_default(),
        kind: query.get("type").filter(is_type),
        application: query.get("application"),
        identity: query.parsed("identity", |text| text.parse().ok()),
        text: query.get("text"),
        since: query.parsed("since", day),
        until: query.parsed("until", day),
        before: query.parsed("after", |text| text.parse().ok()),
        limit: None,
    };
    match filter.stream {
        Stream::Events => filter,
        // A line of the audit trail is of no type and no application; whom it is about stands in its words.
        Stream::Audit => EventFilter { kind: None, application: None, identity: None, ..filter },
    }
}

/// The address of the list with this filter, from its first row.
pub fn events_address(filter: &EventFilter) -> Address {
    Address::new("/events")
        .with(STREAM, Some(filter.stream.name()))
        .with("type", filter.kind.as_deref())
        .with("application", filter.application.as_deref())
        .with("identity", filter.identity.map(|id| id.to_string()).as_deref())
        .with("text", filter.text.as_deref())
        .with("since", filter.since.map(|day| day.to_string()).as_deref())
        .with("until", filter.until.map(|day| day.to_string()).as_deref())
}

pub fn mails(query: &Query) -> MailFilter {
    MailFilter { state: query.parsed("state", MailState::from_name), after: query.get("after"), limit: None }
}

/// The least level of log lines to show.
pub fn level(query: &Query) -> LogLevel {
    query.parsed("level", LogLevel::from_name).unwrap_or(LogLevel::Information)
}

/// The address of the list with this filter, from its first row.
pub fn identities_address(filter: &IdentityFilter) -> Address {
    Address::new("/identities")
        .with("text", filter.text.as_deref())
        .with("department", filter.department.as_deref())
        .with("lifecycle", filter.lifecycle.map(LifecycleState::name))
        .with("state", filter.state.as_deref())
}

/// The address of the list with this filter, from its first row.
pub fn orders_address(filter: &OrderFilter) -> Address {
    Address::new("/orders")
        .with("state", filter.state.map(ProvisioningState::slug))
        .with("text", filter.text.as_deref())
        .with("application", filter.application.as_deref())
        .with("mechanism", filter.mechanism.map(Mechanism::name))
        .with("carrier", filter.carrier.as_deref())
        .with("identity", filter.identity.map(|id| id.to_string()).as_deref())
        .with("run", filter.run.map(|id| id.to_string()).as_deref())
        .with("trouble", filter.trouble.map(Trouble::name))
        .with("fingerprint", filter.fingerprint.as_deref())
}

/// The address of the list with this filter, from its first row.
pub fn mails_address(filter: &MailFilter) -> Address {
    Address::new("/mails").with("state", filter.state.map(MailState::name))
}

/// Forms; those to the one who looks unless told.
pub fn forms(query: &Query) -> FormFilter {
    FormFilter {
        scope: query.parsed("scope", FormScope::from_name).unwrap_or_default(),
        closed: query.get("state").as_deref() == Some("answered"),
        after: query.get("after"),
        limit: None,
    }
}

/// The address of the list with this filter, from its first row.
pub fn forms_address(filter: &FormFilter) -> Address {
    let scope = Some(filter.scope).filter(|scope| *scope != FormScope::default());
    Address::new("/forms").with("scope", scope.map(FormScope::name)).with("state", filter.closed.then_some("answered"))
}

/// The address of the list with this filter, from its first row.
pub fn work_items_address(filter: &WorkItemFilter) -> Address {
    let state = match filter.state {
        Some(WorkItemState::Open) => None,
        Some(state) => Some(state.name()),
        None => Some("all"),
    };
    let scope = (filter.scope != WorkItemScope::default()).then(|| filter.scope.name());
    Address::new("/work-items")
        .with("scope", scope)
        .with("state", state)
        .with("overdue", filter.overdue.then_some("yes"))
        .with("text", filter.text.as_deref())
        .with("application", filter.application.as_deref())
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::ids::{IdentityId, RunId};

    #[test]
    fn a_filter_survives_its_own_address() {
        let filter = OrderFilter {
            text: Some("ann lee".into()),
            application: Some("badge & co".into()),
            state: Some(ProvisioningState::AwaitingApproval),
            mechanism: Some(Mechanism::Manual),
            carrier: Some("desk".into()),
            identity: Some(IdentityId(7)),
            run: Some(RunId(9)),
            trouble: Some(Trouble::SetAside),
            fingerprint: Some("00ff00ff00ff00ff".into()),
            after: None,
            limit: None,
            ..OrderFilter::default()
        };
        let address = orders_address(&filter).to_string();
        let (_, query) = address.split_once('?').unwrap();
        assert_eq!(orders(&Query::parse(query)), filter);
    }

    #[test]
    fn events_survive_their_address_and_a_line_has_no_type() {
        let filter = EventFilter {
            stream: Stream::Events,
            kind: Some("account.*".into()),
            application: Some("badge & co".into()),
            identity: Some(IdentityId(7)),
            text: Some("ann lee".into()),
            since: Some(jiff::civil::date(2026, 3, 1)),
            until: Some(jiff::civil::date(2026, 3, 2)),
            ..EventFilter::default()
        };
        let again = |filter: &EventFilter| {
            let address = events_address(filter).to_string();
            events(&Query::parse(address.split_once('?').unwrap().1))
        };
        assert_eq!(again(&filter), filter);
        let of_lines = EventFilter { kind: None, application: None, identity: None, ..filter.clone() };
        let lines = EventFilter { stream: Stream::Audit, ..of_lines };
        assert_eq!(again(&EventFilter { stream: Stream::Audit, ..filter }), lines);
        for nonsense in ["stream=x", "stream=events&type=purple", "type=audit", "since=today&identity=x", "type=%25"] {
            assert_eq!(events(&Query::parse(nonsense)), EventFilter::default(), "{nonsense}");
        }
    }

    #[test]
    fn terms_in_the_text_become_filters() {
        let filter = orders(&Query::parse("text=state:errored+ann+mechanism:manual+note:x"));
        assert_eq!(filter.state, Some(ProvisioningState::Errored));
        assert_eq!(filter.mechanism, Some(Mechanism::Manual));
        assert_eq!(filter.text.as_deref(), Some("ann note:x"));
    }

    #[test]
    fn nonsense_is_ignored() {
        for text in ["state=purple", "identity=abc", "&&&", "=", "mechanism", "run=-"] {
            assert_eq!(orders(&Query::parse(text)), OrderFilter::default(), "{text}");
        }
        assert_eq!(Query::parse(&format!("text={}", "x".repeat(9_000))).get("text").unwrap().len(), TEXT_LIMIT);
    }

    #[test]
    fn forms_are_mine_unless_told() {
        assert_eq!(forms(&Query::parse("scope=everybody")), FormFilter::default());
        for scope in FormScope::ALL {
            for closed in [false, true] {
                let filter = FormFilter { scope, closed, ..FormFilter::default() };
                let address = forms_address(&filter).to_string();
                let query = address.split_once('?').map_or("", |(_, query)| query);
                assert_eq!(forms(&Query::parse(query)), filter);
            }
        }
    }

    #[test]
    fn work_items_are_open_unless_told() {
        for (text, expected) in
            [("", Some(WorkItemState::Open)), ("state=done", Some(WorkItemState::Done)), ("state=all", None)]
        {
            let filter = work_items(&Query::parse(text));
            assert_eq!(filter.state, expected);
            let address = work_items_address(&filter).to_string();
            let again = work_items(&Query::parse(address.split_once('?').map_or("", |(_, query)| query)));
            assert_eq!(again, filter);
        }
    }
}
