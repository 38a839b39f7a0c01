//! What naming rules make of the entitlements that applications say they have, and that the role model does not know yet.
//!
//! Nothing here changes anything: what comes out goes into a draft, where a person sees what it would do.

pub(crate) mod template;

use std::collections::{BTreeMap, BTreeSet, HashSet};

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
    // The model may know a great many more than were found.
    let mut unknown: HashSet<(&str, &str)> =
        found.iter().map(|one| (one.application.as_str(), one.key.as_str())).collect();
    for one in configuration.entitlements.values().filter(|_| !found.is_empty()) {
        if let Some(application) = application(one) {
            unknown.remove(&(application, one.key.as_str()));
        }
    }
    let is_unknown: Vec<bool> =
        found.iter().map(|one| unknown.contains(&(one.application.as_str(), one.key.as_str()))).collect();
    found.into_iter().zip(is_unknown).filter_map(|(one, is_unknown)| is_unknown.then_some(one)).collect()
}

/// What the rules make of each of them: nothing where no rule fits its key. Those that would get the name of something
/// else, or of one before them, clash.
pub fn name(configuration: &Configuration, found: &[FoundEntitlement]) -> Vec<Option<Named>> {
    let rules = rules(configuration);
    let named = fitting(configuration, &rules, found).into_iter().map(|fit| fit.map(|(_, named)| named));
    named.collect()
}

/// The objects that come of those found entitlements that rules name without a clash, as they are to be. What there is
/// already of access profiles and roles is added to, and stays otherwise.
pub fn objects(configuration: &Configuration, found: &[FoundEntitlement]) -> Vec<(ObjectKind, String, Object)> {
    let rules = rules(configuration);
    let mut made: BTreeMap<(ObjectKind, String), Object> = BTreeMap::new();
    for (fit, named) in fitting(configuration, &rules, found).into_iter().flatten() {
        if named.clash.is_some() {
            continue;
        }
        made.insert((ObjectKind::Entitlement, named.entitlement.clone()), Object::Entitlement(fit.entitlement()));
        let (Some(profile_name), Some(bundle)) = (named.access_profile, &fit.rule.rule.access_profile) else {
            continue;
        };
        let known = configuration.access_profiles.get(&profile_name);
        let profile = made
            .entry((ObjectKind::AccessProfile, profile_name.clone()))
            .or_insert_with(|| Object::AccessProfile(known.cloned().unwrap_or_else(|| fit.profile(bundle))));
        if let Object::AccessProfile(profile) = profile {
            add(&mut profile.entitlements, named.entitlement);
        }
        let (Some(role_name), Some(bundle)) = (named.role, &fit.rule.rule.role) else { continue };
        let known = configuration.roles.get(&role_name);
        let role = made
            .entry((ObjectKind::Role, role_name.clone()))
            .or_insert_with(|| Object::Role(known.cloned().unwrap_or_else(|| fit.role(bundle))));
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

/// Each with the rule that says what it is, and what comes of it.
fn fitting<'c, 'f>(
    configuration: &'c Configuration,
    rules: &'c [Compiled<'c>],
    found: &'f [FoundEntitlement],
) -> Vec<Option<(Fit<'c, 'f>, Named)>> {
    let mut taken = Taken { configuration, entitlements: BTreeSet::new(), profiles: BTreeMap::new() };
    let fits = found.iter().map(|found| {
        let fit = rules.iter().find_map(|rule| rule.fits(found))?;
        let named = fit.named();
        let clash = taken.take(&named, fit.rule.application).err();
        Some((fit, Named { clash, ..named }))
    });
    fits.collect()
}

/// Names that are given already.
struct Taken<'c> {
    configuration: &'c Configuration,
    /// Given away besides.
    entitlements: BTreeSet<String>,
    /// The same, with their applications.
    profiles: BTreeMap<String, String>,
}

impl Taken<'_> {
    /// Gives away the names, or says why they cannot be had.
    fn take(&mut self, named: &Named, application: &str) -> Result<(), String> {
        let names = [Some(&named.entitlement), named.access_profile.as_ref(), named.role.as_ref()];
        if names.into_iter().flatten().any(|name| name.trim_matches('-').is_empty()) {
            return Err("nothing of its key is left for a name; add it by hand".to_owned());
        }
        let is_known = self.configuration.entitlements.contains_key(&named.entitlement);
        if is_known || self.entitlements.contains(&named.entitlement) {
            let name = &named.entitlement;
            return Err(format!(
                "another entitlement has the name `{name}`; let the rule tell them apart, or add it by hand"
            ));
        }
        if let Some(profile) = &named.access_profile {
            let known = self.configuration.access_profiles.get(profile);
            let known = known.map_or(application, |known| known.application.as_str());
            let owner = self.profiles.entry(profile.clone()).or_insert_with(|| known.to_owned());
            if owner != application {
                return Err(format!(
                    "the access profile `{profile}` belongs to the application `{owner}`; let the rule name another"
                ));
            }
        }
        self.entitlements.insert(named.entitlement.clone());
        Ok(())
    }
}

impl<'c> Compiled<'c> {
    fn fits<'f>(&'c self, found: &'f FoundEntitlement) -> Option<Fit<'c, 'f>> {
        let captures = (found.application == self.application).then(|| self.pattern.captures(&found.key)).flatten()?;
        Some(Fit { rule: self, found, captures })
    }
}

/// A found entitlement with the rule that says what it is, and the parts of its key.
struct Fit<'c, 'f> {
    rule: &'c Compiled<'c>,
    found: &'f FoundEntitlement,
    captures: Captures<'f>,
}

impl Fit<'_, '_> {
    fn named(&self) -> Named {
        let name =
            |bundle: &Option<NamedBundle>| bundle.as_ref().map(|bundle| self.text(&bundle.name, template::as_name));
        Named {
            rule: self.rule.name.clone(),
            entitlement: self.text(&self.rule.rule.entitlement.name, template::as_name),
            access_profile: name(&self.rule.rule.access_profile),
            role: name(&self.rule.rule.role),
            clash: None,
        }
    }

    fn text(&self, text: &str, write: fn(&str) -> String) -> String {
        let value = |part: &str| match part {
            template::KEY => self.found.key.as_str(),
            template::DISPLAY_NAME => self.found.display_name.as_str(),
            group => self.captures.name(group).map_or("", |found| found.as_str()),
        };
        Template::parse(text).map(|template| template.fill(|part| write(value(part)))).unwrap_or_default()
    }

    fn plain(&self, text: &str) -> String {
        self.text(text, str::to_owned).split_whitespace().collect::<Vec<_>>().join(" ")
    }

    fn entitlement(&self) -> Entitlement {
        let made = &self.rule.rule.entitlement;
        Entitlement {
            display_name: self.plain(made.display_name.as_deref().unwrap_or("{display_name}")),
            description: made.description.as_ref().map(|text| self.plain(text)),
            account_type: self.rule.rule.account_type.clone(),
            key: self.found.key.clone(),
            privileged: made.privileged,
            approvals: None,
        }
    }

    fn profile(&self, bundle: &NamedBundle) -> AccessProfile {
        AccessProfile {
            description: bundle.description.as_ref().map(|text| self.plain(text)),
            ..AccessProfile::new(self.plain(&bundle.display_name), self.rule.application)
        }
    }

    fn role(&self, bundle: &NamedBundle) -> Role {
        Role {
            description: bundle.description.as_ref().map(|text| self.plain(text)),
            ..Role::new(self.plain(&bundle.display_name))
        }
    }
}

#[cfg(test)]
mod tests;
