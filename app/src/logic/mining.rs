//! What is typed on the page of role mining, and what is asked by it. The address of the page holds all of it.

use model::configuration::RuleType;
use model::error::ApiError;
use model::mining::{MiningLimits, MiningQuery, MiningWeights, Share};

use super::address::Address;
use super::query::Query;

const PATH: &str = "/mining";

/// The form as it was filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Typed {
    pub condition: String,
    /// `found` and `by_hand`.
    pub access: Vec<String>,
    /// `rules` and `bundles`.
    pub wanted: Vec<String>,
    pub application: String,
    pub category: String,
    pub people: String,
    pub precision: String,
    pub false_positives: String,
    pub joined: String,
    pub attributes: Vec<String>,
    pub assignment: String,
    pub inclusion: String,
    pub role: String,
    pub rule: String,
}

impl Default for Typed {
    fn default() -> Self {
        Self::of(&MiningQuery::default())
    }
}

impl Typed {
    /// What an address says; none where it asks for nothing yet.
    pub fn read(query: &Query) -> Option<Self> {
        query.get("look")?;
        let text = |name: &str| query.get(name).unwrap_or_default();
        // A condition may be longer than what is typed into a search box.
        let condition = query.all("condition").pop().unwrap_or_default();
        Some(Self {
            condition,
            access: query.all("access"),
            wanted: query.all("wanted"),
            application: text("application"),
            category: text("category"),
            people: text("people"),
            precision: text("precision"),
            false_positives: text("false_positives"),
            joined: text("joined"),
            attributes: query.all("attributes"),
            assignment: text("assignment"),
            inclusion: text("inclusion"),
            role: text("role"),
            rule: text("rule"),
        })
    }

    fn of(query: &MiningQuery) -> Self {
        let ticked = |all: [(&str, bool); 2]| -> Vec<String> {
            all.into_iter().filter(|(_, is)| *is).map(|(name, _)| name.to_owned()).collect()
        };
        let MiningQuery { limits, weights, .. } = query;
        Self {
            condition: query.condition.clone(),
            access: ticked([("found", query.found), ("by_hand", query.by_hand)]),
            wanted: ticked([("rules", query.rules), ("bundles", query.bundles)]),
            application: query.application.clone().unwrap_or_default(),
            category: query.category.clone().unwrap_or_default(),
            people: limits.people.to_string(),
            precision: limits.precision.to_string(),
            false_positives: limits.false_positives.to_string(),
            joined: limits.attributes.to_string(),
            attributes: query.attributes.clone(),
            assignment: weights.assignment.to_string(),
            inclusion: weights.inclusion.to_string(),
            role: weights.role.to_string(),
            rule: weights.rule.to_string(),
        }
    }

    /// The page with all of it filled in, and its answer.
    pub fn address(&self) -> Address {
        let texts = [
            ("condition", &self.condition),
            ("application", &self.application),
            ("category", &self.category),
            ("people", &self.people),
            ("precision", &self.precision),
            ("false_positives", &self.false_positives),
            ("joined", &self.joined),
            ("assignment", &self.assignment),
            ("inclusion", &self.inclusion),
            ("role", &self.role),
            ("rule", &self.rule),
        ];
        let lists = [("access", &self.access), ("wanted", &self.wanted), ("attributes", &self.attributes)];
        let address = Address::new(PATH).with("look", Some("yes"));
        let address = texts.into_iter().fold(address, |address, (name, text)| address.with(name, Some(text)));
        let all = lists.into_iter().flat_map(|(name, list)| list.iter().map(move |text| (name, text)));
        all.fold(address, |address, (name, text)| address.with(name, Some(text)))
    }

    /// What is asked, or what cannot be read of it.
    pub fn question(&self) -> Result<MiningQuery, ApiError> {
        let usual = MiningQuery::default();
        let named = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        let has = |list: &[String], name: &str| list.iter().any(|other| other == name);
        Ok(MiningQuery {
            condition: self.condition.trim().to_owned(),
            found: has(&self.access, "found"),
            by_hand: has(&self.access, "by_hand"),
            rules: has(&self.wanted, "rules"),
            bundles: has(&self.wanted, "bundles"),
            application: named(&self.application),
            category: named(&self.category),
            limits: MiningLimits {
                people: number("people", &self.people, usual.limits.people)?,
                precision: share("precision", &self.precision, usual.limits.precision)?,
                false_positives: share("false_positives", &self.false_positives, usual.limits.false_positives)?,
                attributes: number("joined", &self.joined, usual.limits.attributes)?,
            },
            weights: MiningWeights {
                assignment: number("assignment", &self.assignment, usual.weights.assignment)?,
                inclusion: number("inclusion", &self.inclusion, usual.weights.inclusion)?,
                role: number("role", &self.role, usual.weights.role)?,
                rule: number("rule", &self.rule, usual.weights.rule)?,
            },
            attributes: self.attributes.clone(),
        })
    }
}

fn number<T: std::str::FromStr>(field: &str, text: &str, usual: T) -> Result<T, ApiError> {
    let wrong = |_| ApiError::invalid(field, format!("`{text}` is no whole number, or too large a one. Correct it."));
    match text.trim() {
        "" => Ok(usual),
        text => text.parse().map_err(wrong),
    }
}

fn share(field: &str, text: &str, usual: Share) -> Result<Share, ApiError> {
    let wrong = || ApiError::invalid(field, format!("`{text}` is no share. Write it in percent, such as 99.5."));
    if text.trim().is_empty() { Ok(usual) } else { Share::parse(text).ok_or_else(wrong) }
}

/// Kinds of rules as a form has them: as stored, and what people call them.
pub const KINDS: [(RuleType, &str, &str); 3] = [
    (RuleType::Automatic, "automatic", "Automatic: given at once"),
    (RuleType::AutomaticWithValidation, "automatic_with_validation", "Automatic with validation: given once approved"),
    (RuleType::Suggested, "suggested", "Suggested: offered only"),
];

/// The kind of that name; automatic unless it is another's.
pub fn kind(name: &str) -> RuleType {
    KINDS.iter().find(|(_, own, _)| *own == name).map_or(RuleType::Automatic, |(kind, ..)| *kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_filled_in_comes_back() {
        let condition = format!("identity.department == \"{}\"", "long ".repeat(80).trim_end());
        let asked = MiningQuery {
            condition,
            found: false,
            application: Some("badges".into()),
            limits: MiningLimits { people: 9, precision: Share(995), false_positives: Share(10), attributes: 3 },
            weights: MiningWeights { assignment: 2, inclusion: 3, role: 4, rule: 5 },
            attributes: vec!["department".into(), "site".into()],
            ..MiningQuery::default()
        };
        for asked in [asked, MiningQuery::default()] {
            let typed = Typed::of(&asked);
            let address = typed.address().to_string();
            let query = Query::parse(address.split_once('?').map_or("", |(_, query)| query));
            let read = Typed::read(&query).unwrap();
            assert_eq!((read.question().unwrap(), read), (asked, typed));
        }
        assert_eq!(Typed::read(&Query::parse("people=9")), None, "nothing is asked yet");
    }

    #[test]
    fn what_cannot_be_read_is_refused_with_its_field() {
        type Break = fn(&mut Typed);
        let wrong: [(Break, &str); 4] = [
            (|typed| typed.people = "few".into(), "people"),
            (|typed| typed.precision = "101".into(), "precision"),
            (|typed| typed.false_positives = "-1".into(), "false_positives"),
            (|typed| typed.rule = "99999999999".into(), "rule"),
        ];
        for (break_it, field) in wrong {
            let mut typed = Typed::default();
            break_it(&mut typed);
            assert_eq!(typed.question().unwrap_err().field.as_deref(), Some(field));
        }
        let empty = Typed { people: String::new(), precision: String::new(), ..Typed::default() };
        assert_eq!(empty.question().unwrap(), MiningQuery::default(), "what is left empty is as usual");
    }
}
