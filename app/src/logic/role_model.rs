//! What a form says about an object of the role model, as text and as that object; and where such objects have their pages.

use jiff::civil::Date;
use model::access::Grantable;
use model::configuration::{AccessProfile, AssignmentRule, Entitlement, Role, RoleState, RuleType, Terms};
use model::draft::{Object, ObjectFilter, ObjectKind};
use model::error::ApiError;
use model::ids::DraftId;

use super::address::{Address, encode, safe_return};
use super::query::Query;

/// All fields of the forms, as they are typed. A kind of object uses those that it has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields {
    pub display_name: String,
    pub description: String,
    pub application: String,
    /// Which account holds an entitlement, and its key in the application.
    pub account_type: String,
    pub key: String,
    /// Whether an entitlement gives power over others: `yes`, or nothing.
    pub privileged: String,
    pub when: String,
    /// Name of a rule's type.
    pub kind: String,
    /// `give` or `deny`.
    pub effect: String,
    pub priority: String,
    pub days_before: String,
    pub days_after: String,
    /// What it consists of or gives, as `kind:name`.
    pub things: Vec<String>,
    pub terms: TermFields,
}

/// On which terms a role or an access profile is given, as it is typed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TermFields {
    /// Name of a category; empty for none.
    pub category: String,
    pub owner: String,
    /// `no` where people may not ask for it.
    pub requestable: String,
    /// Name of a state; active where it is empty.
    pub state: String,
    pub valid_from: String,
    pub valid_until: String,
    pub maximum_days: String,
    /// Empty for none.
    pub grace_days: String,
}

impl TermFields {
    fn of(terms: Terms) -> Self {
        let day = |day: Option<Date>| day.map_or_else(String::new, |day| day.to_string());
        Self {
            category: terms.category.unwrap_or_default(),
            owner: terms.owner.unwrap_or_default(),
            requestable: if terms.requestable { "yes" } else { "no" }.to_owned(),
            state: terms.state.name().to_owned(),
            valid_from: day(terms.valid_from),
            valid_until: day(terms.valid_until),
            maximum_days: terms.maximum_days.map_or_else(String::new, |days| days.to_string()),
            grace_days: Some(terms.grace_days)
                .filter(|days| *days > 0)
                .map_or_else(String::new, |days| days.to_string()),
        }
    }

    fn read(query: &Query) -> Self {
        let last = |name: &str| query.all(name).pop().unwrap_or_default();
        Self {
            category: last("category"),
            owner: last("owner"),
            requestable: last("requestable"),
            state: last("state"),
            valid_from: last("valid_from"),
            valid_until: last("valid_until"),
            maximum_days: last("maximum_days"),
            grace_days: last("grace_days"),
        }
    }

    fn put(&self, address: Address) -> Address {
        address
            .with("category", Some(&self.category))
            .with("owner", Some(&self.owner))
            .with("requestable", Some(&self.requestable))
            .with("state", Some(&self.state))
            .with("valid_from", Some(&self.valid_from))
            .with("valid_until", Some(&self.valid_until))
            .with("maximum_days", Some(&self.maximum_days))
            .with("grace_days", Some(&self.grace_days))
    }

    fn terms(&self) -> Result<Terms, ApiError> {
        let named = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        let state = match self.state.trim() {
            "" => RoleState::Active,
            name => RoleState::from_name(name).ok_or_else(|| {
                ApiError::invalid("state", format!("`{name}` is no state. Choose draft, active or retired."))
            })?,
        };
        let (maximum, grace) = (self.maximum_days.trim(), self.grace_days.trim());
        let wrong = "are no days. Write a number from 1 to 36525, or leave it empty.";
        Ok(Terms {
            category: named(&self.category),
            owner: named(&self.owner),
            requestable: self.requestable.trim() != "no",
            state,
            valid_from: day(&self.valid_from, "valid_from")?,
            valid_until: day(&self.valid_until, "valid_until")?,
            maximum_days: match maximum {
                "" => None,
                _ => Some(number(maximum, "maximum_days", wrong)?),
            },
            grace_days: match grace {
                "" => 0,
                _ => number(grace, "grace_days", wrong)?,
            },
        })
    }
}

fn day(text: &str, field: &str) -> Result<Option<Date>, ApiError> {
    let text = text.trim();
    let wrong = |_| ApiError::invalid(field, format!("`{text}` is no day. Write it as year-month-day: 2026-12-31."));
    (!text.is_empty()).then(|| text.parse()).transpose().map_err(wrong)
}

/// Days before and after as they are typed; what is no number counts as none until the form is sent.
pub fn days(before: &str, after: &str) -> (u16, u16) {
    let number = |text: &str| text.trim().parse().unwrap_or_default();
    (number(before), number(after))
}

/// What a list of objects is narrowed to, by its address.
pub fn filter(query: &Query) -> ObjectFilter {
    ObjectFilter {
        text: query.get("text").unwrap_or_default(),
        category: query.get("category"),
        owner: query.get("owner"),
        state: query.get("state").and_then(|name| RoleState::from_name(&name)),
    }
}

/// The list of a kind, narrowed so.
pub fn narrowed(kind: ObjectKind, filter: &ObjectFilter) -> Address {
    Address::new(list(kind))
        .with("text", Some(&filter.text))
        .with("category", filter.category.as_deref())
        .with("owner", filter.owner.as_deref())
        .with("state", filter.state.map(RoleState::name))
}

impl Fields {
    /// What stands in the form of an object.
    pub fn of(object: &Object) -> Self {
        match object {
            Object::Role(role) => Self {
                display_name: role.display_name.clone(),
                description: role.description.clone().unwrap_or_default(),
                things: [prefixed("access_profile", &role.access_profiles), prefixed("role", &role.roles)].concat(),
                terms: TermFields::of(role.terms()),
                ..Self::default()
            },
            Object::AccessProfile(profile) => Self {
                display_name: profile.display_name.clone(),
                description: profile.description.clone().unwrap_or_default(),
                application: profile.application.clone(),
                things: [
                    prefixed("entitlement", &profile.entitlements),
                    prefixed("account_type", &profile.account_types),
                ]
                .concat(),
                terms: TermFields::of(profile.terms()),
                ..Self::default()
            },
            Object::Entitlement(entitlement) => Self {
                display_name: entitlement.display_name.clone(),
                description: entitlement.description.clone().unwrap_or_default(),
                account_type: entitlement.account_type.clone(),
                key: entitlement.key.clone(),
                privileged: if entitlement.privileged { "yes" } else { "" }.to_owned(),
                ..Self::default()
            },
            Object::Rule(rule) => Self {
                description: rule.description.clone().unwrap_or_default(),
                when: rule.when.clone(),
                kind: rule_type(rule.kind).to_owned(),
                effect: if rule.deny { "deny" } else { "give" }.to_owned(),
                priority: rule.priority.to_string(),
                days_before: rule.days_before.to_string(),
                days_after: rule.days_after.to_string(),
                things: [
                    prefixed("role", &rule.roles),
                    prefixed("access_profile", &rule.access_profiles),
                    prefixed("account_type", &rule.account_types),
                    prefixed("entitlement", &rule.entitlements),
                ]
                .concat(),
                ..Self::default()
            },
            // They have a form of their own: `super::schema_form`.
            Object::Setting(..) => Self::default(),
        }
    }

    /// What was typed before and could not be taken; none where the address holds nothing of it.
    pub fn read(query: &Query) -> Option<Self> {
        query.get("typed")?;
        let last = |name: &str| query.all(name).pop().unwrap_or_default();
        Some(Self {
            display_name: last("display_name"),
            description: last("description"),
            application: last("application"),
            account_type: last("account_type"),
            key: last("key"),
            privileged: last("privileged"),
            when: last("when"),
            kind: last("type"),
            effect: last("effect"),
            priority: last("priority"),
            days_before: last("days_before"),
            days_after: last("days_after"),
            things: query.all("thing"),
            terms: TermFields::read(query),
        })
    }

    /// The form with all of this in it; without it where that is more than an address holds.
    pub fn address(&self, kind: ObjectKind, name: &str, draft: Option<DraftId>) -> String {
        let draft_text = draft.map(|id| id.to_string());
        let mut address = Address::new("/drafts/edit")
            .with("kind", Some(kind.name()))
            .with("name", Some(name))
            .with("draft", draft_text.as_deref())
            .with("typed", Some("yes"))
            .with("display_name", Some(&self.display_name))
            .with("description", Some(&self.description))
            .with("application", Some(&self.application))
            .with("account_type", Some(&self.account_type))
            .with("key", Some(&self.key))
            .with("privileged", Some(&self.privileged))
            .with("when", Some(&self.when))
            .with("type", Some(&self.kind))
            .with("effect", Some(&self.effect))
            .with("priority", Some(&self.priority))
            .with("days_before", Some(&self.days_before))
            .with("days_after", Some(&self.days_after));
        address = self.terms.put(address);
        for thing in &self.things {
            address = address.with("thing", Some(thing));
        }
        let whole = address.to_string();
        if safe_return(&whole) == whole { whole } else { edit(kind, Some(name), draft) }
    }

    /// The object that the form describes.
    ///
    /// # Errors
    /// What cannot be read, with the field.
    pub fn object(&self, kind: ObjectKind, name: &str) -> Result<Object, ApiError> {
        let mut things = self.read_things()?;
        let description = Some(self.description.trim().to_owned()).filter(|text| !text.is_empty());
        let typed = self.display_name.trim();
        let display_name = if typed.is_empty() { name.to_owned() } else { typed.to_owned() };
        match kind {
            ObjectKind::Role => {
                let access_profiles = take(&mut things, "access_profile");
                let roles = take(&mut things, "role");
                nothing_left(&things, "A role consists of access profiles and roles")?;
                let terms = Role::on(self.terms.terms()?);
                Ok(Object::Role(Role { display_name, description, access_profiles, roles, ..terms }))
            }
            ObjectKind::AccessProfile => {
                let entitlements = take(&mut things, "entitlement");
                let account_types = take(&mut things, "account_type");
                nothing_left(&things, "An access profile consists of entitlements and account types")?;
                let application = self.application.trim().to_owned();
                let terms = AccessProfile::on(self.terms.terms()?);
                let parts = AccessProfile { application, entitlements, account_types, ..terms };
                Ok(Object::AccessProfile(AccessProfile { display_name, description, ..parts }))
            }
            ObjectKind::Entitlement => {
                nothing_left(&things, "An entitlement consists of nothing else")?;
                let key = self.key.trim().to_owned();
                if key.is_empty() {
                    let message = "It has no key. Write what the application calls it, such as a group's name.";
                    return Err(ApiError::invalid("key", message));
                }
                let account_type = self.account_type.trim().to_owned();
                let privileged = self.privileged == "yes";
                let entitlement =
                    Entitlement { display_name, description, account_type, key, privileged, approvals: None };
                Ok(Object::Entitlement(entitlement))
            }
            ObjectKind::Rule => Ok(Object::Rule(AssignmentRule {
                description,
                when: self.when.trim().replace("\r\n", "\n"),
                kind: RULE_TYPES
                    .iter()
                    .find(|(_, word, _)| *word == self.kind)
                    .map_or(RuleType::Automatic, |one| one.0),
                roles: take(&mut things, "role"),
                access_profiles: take(&mut things, "access_profile"),
                account_types: take(&mut things, "account_type"),
                entitlements: take(&mut things, "entitlement"),
                deny: self.effect == "deny",
                priority: number(&self.priority, "priority", "is no priority. Write a whole number; smaller wins.")?,
                days_before: number(&self.days_before, "days_before", DAYS)?,
                days_after: number(&self.days_after, "days_after", DAYS)?,
            })),
            ObjectKind::Setting(kind) => {
                Err(ApiError::invalid("object", format!("This form is not for {}. Open Configuration.", kind.plural())))
            }
        }
    }

    /// The same with things that were typed by their name, or by what people call them, written as `kind:name`, where exactly one
    /// thing that such an object consists of is meant.
    #[must_use]
    pub fn resolved(mut self, kind: ObjectKind, known: &[(Grantable, String)]) -> Self {
        for text in &mut self.things {
            let typed = text.trim().to_lowercase();
            if typed.is_empty() || thing_of(text).is_some() {
                continue;
            }
            let fits = |(thing, label): &&(Grantable, String)| {
                parts_of(kind).contains(&thing.kind())
                    && (thing.name().to_lowercase() == typed || label.to_lowercase() == typed)
            };
            let mut fitting = known.iter().filter(fits);
            if let (Some((thing, _)), None) = (fitting.next(), fitting.next()) {
                *text = written(thing);
            }
        }
        self
    }

    fn read_things(&self) -> Result<Vec<Grantable>, ApiError> {
        let mut things: Vec<Grantable> = Vec::new();
        for text in self.things.iter().map(|text| text.trim()).filter(|text| !text.is_empty()) {
            let thing = thing_of(text).ok_or_else(|| {
                ApiError::invalid(
                    "things",
                    format!(
                        "`{text}` names nothing, or several things. Choose from the list, or write kind and name: `role:NAME`, \
                         `access_profile:NAME`, `entitlement:NAME` or `account_type:NAME`."
                    ),
                )
            })?;
            if !things.contains(&thing) {
                things.push(thing);
            }
        }
        Ok(things)
    }
}

const DAYS: &str = "are no days. Write a number from 0 to 65535.";

/// Types of rules: as such, as a form sends them, and in words.
pub const RULE_TYPES: [(RuleType, &str, &str); 3] = [
    (RuleType::Automatic, "automatic", "Automatic: whoever it holds for has it"),
    (RuleType::AutomaticWithValidation, "automatic_with_validation", "Automatic with validation: given once approved"),
    (RuleType::Suggested, "suggested", "Suggested: offered, not given"),
];

fn rule_type(kind: RuleType) -> &'static str {
    RULE_TYPES.iter().find(|(other, ..)| *other == kind).map_or("automatic", |(_, word, _)| word)
}

/// Kinds of things that such an object consists of or gives.
pub fn parts_of(kind: ObjectKind) -> &'static [&'static str] {
    match kind {
        ObjectKind::Role => &["access_profile", "role"],
        ObjectKind::AccessProfile => &["entitlement", "account_type"],
        ObjectKind::Entitlement | ObjectKind::Setting(_) => &[],
        ObjectKind::Rule => &["role", "access_profile", "entitlement", "account_type"],
    }
}

fn prefixed(kind: &str, names: &[String]) -> Vec<String> {
    names.iter().map(|name| format!("{kind}:{name}")).collect()
}

/// `kind:name`.
pub fn written(thing: &Grantable) -> String {
    format!("{}:{}", thing.kind(), thing.name())
}

/// The reverse of [`written`].
pub fn thing_of(text: &str) -> Option<Grantable> {
    let (kind, name) = text.split_once(':')?;
    Grantable::from_parts(kind.trim(), name.trim()).filter(|thing| !thing.name().is_empty())
}

/// The names of those of one kind, which are taken out.
fn take(things: &mut Vec<Grantable>, kind: &str) -> Vec<String> {
    let (of_kind, others): (Vec<_>, Vec<_>) = things.drain(..).partition(|thing| thing.kind() == kind);
    *things = others;
    of_kind.into_iter().map(|thing| thing.name().to_owned()).collect()
}

fn nothing_left(things: &[Grantable], consists_of: &str) -> Result<(), ApiError> {
    let Some(thing) = things.first() else { return Ok(()) };
    let message = format!("{consists_of}; `{}` is neither. Take it out, or choose another.", written(thing));
    Err(ApiError::invalid("things", message))
}

/// A number, or nothing for 0.
fn number<T: std::str::FromStr + Default>(text: &str, field: &str, wrong: &str) -> Result<T, ApiError> {
    match text.trim() {
        "" => Ok(T::default()),
        typed => typed.parse().map_err(|_| ApiError::invalid(field, format!("`{typed}` {wrong}"))),
    }
}

/// Page with all objects of a kind.
pub fn list(kind: ObjectKind) -> &'static str {
    match kind {
        ObjectKind::Role => "/roles",
        ObjectKind::AccessProfile => "/access-profiles",
        ObjectKind::Entitlement => "/entitlements",
        ObjectKind::Rule => "/rules",
        ObjectKind::Setting(_) => "/configuration",
    }
}

/// Page of one object.
pub fn object(kind: ObjectKind, name: &str) -> String {
    if let ObjectKind::Setting(_) = kind {
        return edit(kind, Some(name), None);
    }
    format!("{}/{}", list(kind), encode(name))
}

/// Page of what stands around an object.
pub fn graph(kind: ObjectKind, name: &str) -> String {
    Address::new("/graph").with("kind", Some(kind.name())).with("name", Some(name)).to_string()
}

/// Page of what can be held, where it has one.
pub fn thing(grantable: &Grantable) -> Option<String> {
    match grantable {
        Grantable::Role(name) => Some(object(ObjectKind::Role, name)),
        Grantable::AccessProfile(name) => Some(object(ObjectKind::AccessProfile, name)),
        Grantable::Entitlement(name) => Some(object(ObjectKind::Entitlement, name)),
        Grantable::AccountType(_) => None,
    }
}

/// The form of one object, or of a new one, in a draft or in a new one.
pub fn edit(kind: ObjectKind, name: Option<&str>, draft: Option<DraftId>) -> String {
    let draft = draft.map(|id| id.to_string());
    let address = Address::new("/drafts/edit").with("kind", Some(kind.name()));
    address.with("name", name).with("draft", draft.as_deref()).to_string()
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use model::access::Grantable;
    use model::configuration::{AccessProfile, Role, RoleState, RuleType, Terms};
    use model::draft::{Object, ObjectKind};
    use model::ids::DraftId;

    use super::{Fields, TermFields};
    use crate::logic::query::Query;

    fn typed(things: &[&str]) -> Fields {
        let things = things.iter().map(|thing| (*thing).to_owned()).collect();
        Fields { things, ..Fields::default() }
    }

    #[test]
    fn what_is_ticked_and_typed_becomes_the_objects_parts_in_order_and_once() {
        let things = ["access_profile:crm", "role:office", "", " access_profile : mail ", "role:office"];
        let fields = Fields { display_name: " ".into(), description: " For sellers. ".into(), ..typed(&things) };
        let Ok(Object::Role(made)) = fields.object(ObjectKind::Role, "seller") else { panic!("no role") };
        assert_eq!((made.display_name.as_str(), made.description.as_deref()), ("seller", Some("For sellers.")));
        assert_eq!((made.access_profiles, made.roles), (vec!["crm".into(), "mail".into()], vec!["office".into()]));
    }

    #[test]
    fn a_name_or_what_people_call_it_is_enough_where_one_thing_is_meant() {
        let known = [
            (Grantable::Role("sales".into()), "Sales staff".into()),
            (Grantable::AccessProfile("crm".into()), "Customers".into()),
            (Grantable::Entitlement("crm".into()), "Group of customers".into()),
        ];
        let texts = |kind, typed_things: &[&str]| typed(typed_things).resolved(kind, &known).things;
        assert_eq!(texts(ObjectKind::Rule, &["sales staff", " SALES "]), ["role:sales", "role:sales"]);
        // A rule gives either; a role consists of one of them only.
        assert_eq!(texts(ObjectKind::Rule, &["crm"]), ["crm"]);
        assert_eq!(texts(ObjectKind::Role, &["crm", "role:other"]), ["access_profile:crm", "role:other"]);
        assert_eq!(texts(ObjectKind::Role, &["", "nothing"]), ["", "nothing"]);
    }

    #[test]
    fn what_does_not_fit_is_refused_with_what_would() {
        for text in ["crm", "thing:crm", "role:"] {
            let error = typed(&[text]).object(ObjectKind::Rule, "r").unwrap_err();
            assert!(error.message.contains("access_profile:NAME"), "{}", error.message);
        }
        let error = typed(&["entitlement:x"]).object(ObjectKind::Role, "seller").unwrap_err();
        assert!(error.message.contains("`entitlement:x` is neither"), "{}", error.message);
        assert!(typed(&["role:x"]).object(ObjectKind::AccessProfile, "crm").is_err());
    }

    #[test]
    fn a_rules_numbers_are_read_and_their_defaults_are_nothing() {
        let fields = Fields {
            when: " identity.a == 'b' &&\r\n identity.c ".into(),
            kind: "suggested".into(),
            days_before: "7".into(),
            ..typed(&["entitlement:x", "role:y"])
        };
        let Ok(Object::Rule(made)) = fields.object(ObjectKind::Rule, "r") else { panic!("no rule") };
        // The form of what it made makes the same again.
        let again = Fields::of(&Object::Rule(made.clone())).object(ObjectKind::Rule, "r");
        assert_eq!(again.unwrap(), Object::Rule(made.clone()));
        assert_eq!((made.kind, made.priority, made.days_before, made.days_after), (RuleType::Suggested, 0, 7, 0));
        assert_eq!((made.roles, made.entitlements), (vec!["y".into()], vec!["x".into()]));
        assert_eq!(made.when, "identity.a == 'b' &&\n identity.c");
        for (wrong, field) in [
            (Fields { days_after: "-1".into(), ..fields.clone() }, "days_after"),
            (Fields { priority: "first".into(), ..fields.clone() }, "priority"),
        ] {
            assert_eq!(wrong.object(ObjectKind::Rule, "r").unwrap_err().field.as_deref(), Some(field));
        }
    }

    #[test]
    fn terms_are_carried_without_loss_and_said_where_they_are_wrong() {
        let terms = Terms {
            category: Some("sales".into()),
            owner: Some("olga".into()),
            requestable: false,
            state: RoleState::Retired,
            valid_from: Some(date(2026, 1, 1)),
            valid_until: Some(date(2026, 12, 31)),
            maximum_days: Some(30),
            grace_days: 14,
        };
        let role = Object::Role(Role { display_name: "Seller".into(), ..Role::on(terms.clone()) });
        let profile = AccessProfile { application: "crm".into(), ..AccessProfile::on(terms) };
        let profile = Object::AccessProfile(AccessProfile { display_name: "CRM".into(), ..profile });
        for object in [role, profile, Object::Role(Role::new("Usual"))] {
            let fields = Fields::of(&object);
            assert_eq!(fields.object(object.kind(), "x").unwrap(), object);
            let address = fields.address(object.kind(), "x", None);
            assert_eq!(Fields::read(&Query::parse(address.split_once('?').unwrap().1)), Some(fields));
        }
        let usual = Fields::default().object(ObjectKind::Role, "seller").unwrap();
        assert_eq!(usual, Object::Role(Role::new("seller")));
        for (terms, field) in [
            (TermFields { valid_from: "soon".into(), ..TermFields::default() }, "valid_from"),
            (TermFields { valid_until: "2026-02-30".into(), ..TermFields::default() }, "valid_until"),
            (TermFields { maximum_days: "many".into(), ..TermFields::default() }, "maximum_days"),
            (TermFields { grace_days: "-1".into(), ..TermFields::default() }, "grace_days"),
            (TermFields { state: "gone".into(), ..TermFields::default() }, "state"),
        ] {
            let wrong = Fields { terms, ..Fields::default() }.object(ObjectKind::Role, "seller").unwrap_err();
            assert_eq!(wrong.field.as_deref(), Some(field));
        }
    }

    #[test]
    fn what_could_not_be_taken_stands_in_the_form_again() {
        let fields = Fields {
            display_name: "Müller & Co".into(),
            when: "identity.a == 'b'".into(),
            effect: "deny".into(),
            priority: "first".into(),
            ..typed(&["role:a b", "nonsense"])
        };
        let address = fields.address(ObjectKind::Rule, "r", Some(DraftId(7)));
        let query = Query::parse(address.split_once('?').unwrap().1);
        assert_eq!(Fields::read(&query), Some(fields.clone()));
        assert_eq!((query.get("name"), query.get("draft")), (Some("r".into()), Some("7".into())));
        let long = Fields { when: "x".repeat(4_000), ..fields };
        assert_eq!(long.address(ObjectKind::Rule, "r", None), "/drafts/edit?kind=rule&name=r");
        assert_eq!(Fields::read(&Query::parse("kind=rule")), None);
    }
}
