//! What naming rules make of the entitlements that applications say they have, and that the role model does not know yet.
//!
//! Nothing here changes anything: what comes out goes into a draft, where a person sees what it would do.

mod template;

use std::collections::{BTreeMap, BTreeSet};

use model::access::Grantable;
use model::configuration::{AccessProfile, Configuration, Entitlement, NamedBundle, NamingRule, Role};
use model::draft::{Object, ObjectKind};
use regex::{Captures, Regex, RegexBuilder};

pub(crate) use template::Template;

/// Bytes that a compiled pattern may take.
const LARGEST_PATTERN: usize = 1 << 20;

/// An entitlement that an application says it has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FoundEntitlement {
    pub application: String,
    pub key: String,
    pub display_name: String,
}

/// What a rule makes of a found entitlement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    pub rule: String,
    pub entitlement: String,
    pub access_profile: Option<String>,
    pub role: Option<String>,
    /// Why it cannot be made, and what to do about it.
    pub clash: Option<String>,
}

/// Those that the role model does not have, in their order.
pub fn unknown(configuration: &Configuration, found: Vec<FoundEntitlement>) -> Vec<FoundEntitlement> {
    let application =
        |one: &Entitlement| Some(configuration.account_types.get(&one.account_type)?.application.as_str());
    let known: BTreeSet<(&str, &str)> =
        configuration.entitlements.values().filter_map(|one| Some((application(one)?, one.key.as_str()))).collect();
    found.into_iter().filter(|one| !known.contains(&(one.application.as_str(), one.key.as_str()))).collect()
}

/// What the rules make of each of them: nothing where no rule fits its key. Those that would get the name of something
/// else, or of one before them, clash.
pub fn name(configuration: &Configuration, found: &[FoundEntitlement]) -> Vec<Option<Named>> {
    let rules = rules(configuration);
    let mut taken: BTreeSet<String> = configuration.entitlements.keys().cloned().collect();
    let of = |one: &FoundEntitlement| rules.iter().find_map(|rule| rule.of(one).map(|made| (rule, made)));
    let named = found.iter().map(|one| {
        let (rule, mut named) = of(one)?;
        named.clash = rule.clash(configuration, &named, &taken);
        if named.clash.is_none() {
            taken.insert(named.entitlement.clone());
        }
        Some(named)
    });
    named.collect()
}

/// The objects that come of those found entitlements that rules name without a clash, as they are to be. What there is
/// already of access profiles and roles is added to, and stays otherwise.
pub fn objects(configuration: &Configuration, found: &[FoundEntitlement]) -> Vec<(ObjectKind, String, Object)> {
    let rules = rules(configuration);
    let mut made: BTreeMap<(ObjectKind, String), Object> = BTreeMap::new();
    for (one, named) in found.iter().zip(name(configuration, found)) {
        let Some(named) = named.filter(|named| named.clash.is_none()) else { continue };
        let Some((rule, captures)) = rules.iter().find_map(|rule| Some((rule, rule.fits(one)?))) else { continue };
        let entitlement = rule.entitlement(one, &captures);
        made.insert((ObjectKind::Entitlement, named.entitlement.clone()), Object::Entitlement(entitlement));
        let (Some(profile_name), Some(bundle)) = (named.access_profile, &rule.rule.access_profile) else { continue };
        let profile = made.entry((ObjectKind::AccessProfile, profile_name.clone())).or_insert_with(|| {
            Object::AccessProfile(rule.profile(configuration, &profile_name, bundle, one, &captures))
        });
        if let Object::AccessProfile(profile) = profile {
            add(&mut profile.entitlements, named.entitlement);
        }
        let (Some(role_name), Some(bundle)) = (named.role, &rule.rule.role) else { continue };
        let role = made
            .entry((ObjectKind::Role, role_name.clone()))
            .or_insert_with(|| Object::Role(rule.role(configuration, &role_name, bundle, one, &captures)));
        if let Object::Role(role) = role {
            add(&mut role.access_profiles, profile_name);
        }
    }
    made.into_iter().map(|((kind, name), object)| (kind, name, object)).collect()
}

/// A pattern that fits a whole key.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn pattern(text: &str) -> Result<Regex, String> {
    let built = RegexBuilder::new(&format!("^(?:{text})$")).size_limit(LARGEST_PATTERN).build();
    built.map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => "it is too large; use smaller repetitions".to_owned(),
        other => other.to_string().lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned(),
    })
}

fn add(names: &mut Vec<String>, name: String) {
    if !names.contains(&name) {
        names.push(name);
    }
}

/// A rule that can be asked.
struct Compiled<'c> {
    name: &'c String,
    rule: &'c NamingRule,
    application: &'c str,
    pattern: Regex,
}

/// Those of a sound configuration, in the order in which they are asked.
fn rules(configuration: &Configuration) -> Vec<Compiled<'_>> {
    let mut rules: Vec<Compiled<'_>> = configuration
        .naming_rules
        .iter()
        .filter_map(|(name, rule)| {
            let application = &configuration.account_types.get(&rule.account_type)?.application;
            Some(Compiled { name, rule, application, pattern: pattern(&rule.pattern).ok()? })
        })
        .collect();
    rules.sort_by_key(|compiled| (compiled.rule.priority, compiled.name));
    rules
}

impl<'c> Compiled<'c> {
    fn fits<'f>(&self, found: &'f FoundEntitlement) -> Option<Captures<'f>> {
        (found.application == self.application).then(|| self.pattern.captures(&found.key)).flatten()
    }

    fn of(&self, found: &FoundEntitlement) -> Option<Named> {
        let captures = self.fits(found)?;
        let name = |bundle: &Option<NamedBundle>| {
            bundle.as_ref().map(|bundle| self.text(&bundle.name, found, &captures, template::as_name))
        };
        Some(Named {
            rule: self.name.clone(),
            entitlement: self.text(&self.rule.entitlement.name, found, &captures, template::as_name),
            access_profile: name(&self.rule.access_profile),
            role: name(&self.rule.role),
            clash: None,
        })
    }

    fn text(&self, text: &str, found: &FoundEntitlement, captures: &Captures<'_>, write: fn(&str) -> String) -> String {
        let value = |part: &str| match part {
            template::KEY => found.key.as_str(),
            template::DISPLAY_NAME => found.display_name.as_str(),
            group => captures.name(group).map_or("", |found| found.as_str()),
        };
        Template::parse(text).map(|template| template.fill(|part| write(value(part)))).unwrap_or_default()
    }

    fn plain(&self, text: &str, found: &FoundEntitlement, captures: &Captures<'_>) -> String {
        let filled = self.text(text, found, captures, str::to_owned);
        filled.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    fn entitlement(&self, found: &FoundEntitlement, captures: &Captures<'_>) -> Entitlement {
        let made = &self.rule.entitlement;
        let display_name = made.display_name.as_deref().unwrap_or("{display_name}");
        Entitlement {
            display_name: self.plain(display_name, found, captures),
            description: made.description.as_ref().map(|text| self.plain(text, found, captures)),
            account_type: self.rule.account_type.clone(),
            key: found.key.clone(),
            privileged: made.privileged,
        }
    }

    fn profile(
        &self,
        configuration: &Configuration,
        name: &str,
        bundle: &NamedBundle,
        found: &FoundEntitlement,
        captures: &Captures<'_>,
    ) -> AccessProfile {
        configuration.access_profiles.get(name).cloned().unwrap_or_else(|| AccessProfile {
            display_name: self.plain(&bundle.display_name, found, captures),
            description: bundle.description.as_ref().map(|text| self.plain(text, found, captures)),
            application: self.application.to_owned(),
            entitlements: Vec::new(),
            account_types: Vec::new(),
        })
    }

    fn role(
        &self,
        configuration: &Configuration,
        name: &str,
        bundle: &NamedBundle,
        found: &FoundEntitlement,
        captures: &Captures<'_>,
    ) -> Role {
        configuration.roles.get(name).cloned().unwrap_or_else(|| Role {
            display_name: self.plain(&bundle.display_name, found, captures),
            description: bundle.description.as_ref().map(|text| self.plain(text, found, captures)),
            access_profiles: Vec::new(),
            roles: Vec::new(),
        })
    }

    fn clash(&self, configuration: &Configuration, named: &Named, taken: &BTreeSet<String>) -> Option<String> {
        let names = [Some(&named.entitlement), named.access_profile.as_ref(), named.role.as_ref()];
        if names.into_iter().flatten().any(|name| name.trim_matches('-').is_empty()) {
            return Some("nothing of its key is left for a name; add it by hand".to_owned());
        }
        if taken.contains(&named.entitlement) {
            let message = "another entitlement has the name `{}`; let the rule tell them apart, or add it by hand";
            return Some(message.replace("{}", &named.entitlement));
        }
        let profile = named.access_profile.as_ref()?;
        let other = configuration.application_of(&Grantable::AccessProfile(profile.clone()))?;
        (other != self.application).then(|| {
            format!("the access profile `{profile}` belongs to the application `{other}`; let the rule name another")
        })
    }
}

#[cfg(test)]
mod tests;
