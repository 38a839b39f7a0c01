//! What may become of a user of the product, and at whose hand.
//!
//! | change | refused where |
//! |---|---|
//! | profiles are given | the giver does not hold all that they allow |
//! | profiles are given | with what the user holds, they newly meet a conflict that is refused |
//! | anything of somebody | they may do what the changer may not, also before the change |
//! | the link to an identity | another user is that identity; it is the changer's own |
//! | disabling | it is the changer's own |
//! | any | nobody would be left who can sign in and manage users |
//!
//! Whoever holds [`ELEVATE`] gives what they do not hold, changes whoever may do more, and says who they are themselves.

use model::configuration::{Configuration, ConflictEffect};
use model::ids::UserId;
use model::permission::conflict::{self, Met};
use model::user::{PermissionPath, User};

/// Whoever holds it may add and change users.
pub const MANAGE: &str = "/Users/Manage";
/// Whoever holds it may give what they do not hold themselves.
pub const ELEVATE: &str = "/Users/Elevate";

/// Who changes something.
#[derive(Clone, Copy, Debug)]
pub struct Changer<'a> {
    pub id: UserId,
    pub held: &'a [PermissionPath],
}

/// Why a change is not made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// A profile that is given is none.
    NoProfile(String),
    /// Another user, by login, is that identity.
    IdentityTaken(String),
    /// A profile allows what the changer may not do.
    Elevates {
        profile: String,
        path: PermissionPath,
    },
    /// The user may do what the changer may not.
    MayDoMore {
        path: PermissionPath,
    },
    /// The profiles together allow what nobody should be allowed together.
    Conflicts(Box<Met>),
    OwnIdentity,
    OwnDisabling,
    LastManager,
}

/// Whether `before` may become `after`; `all` are all users as they are now. A new user has no `before`.
///
/// # Errors
/// The first reason why not.
pub fn check(
    configuration: &Configuration,
    changer: Changer<'_>,
    before: Option<&User>,
    after: &User,
    all: &[User],
) -> Result<(), Refusal> {
    let is_own = after.id == changer.id;
    let had = |profile: &String| before.is_some_and(|before| before.profiles.contains(profile));
    let given: Vec<&String> = after.profiles.iter().filter(|profile| !had(profile)).collect();
    if let Some(unknown) = given.iter().find(|name| !configuration.permission_profiles.contains_key(**name)) {
        return Err(Refusal::NoProfile((*unknown).clone()));
    }
    let is_linked_anew = after.identity != before.and_then(|before| before.identity);
    if let (true, Some(identity)) = (is_linked_anew, after.identity)
        && let Some(other) = all.iter().find(|other| other.id != after.id && other.identity == Some(identity))
    {
        return Err(Refusal::IdentityTaken(other.login.clone()));
    }
    if !may(changer.held, ELEVATE) {
        elevation(configuration, changer, before, &given)?;
        if is_own && is_linked_anew {
            return Err(Refusal::OwnIdentity);
        }
    }
    let held_before = before.map_or(&[][..], |before| &before.profiles);
    let met = conflict::newly_met(configuration, held_before, &after.profiles);
    if let Some(met) = met.into_iter().find(|met| met.effect == ConflictEffect::Refuse) {
        return Err(Refusal::Conflicts(Box::new(met)));
    }
    if is_own && after.disabled && before.is_some_and(|before| !before.disabled) {
        return Err(Refusal::OwnDisabling);
    }
    let manages = |user: &User| is_manager(configuration, user);
    let is_left = || manages(after) || all.iter().any(|other| other.id != after.id && manages(other));
    if before.is_some_and(manages) && !is_left() { Err(Refusal::LastManager) } else { Ok(()) }
}

fn elevation(
    configuration: &Configuration,
    changer: Changer<'_>,
    before: Option<&User>,
    given: &[&String],
) -> Result<(), Refusal> {
    let beyond = |profiles: &[String]| {
        // What somebody may do about a few takes as much as what they may do about everybody.
        let limited = PermissionPath::limited(configuration, profiles).into_iter().map(|(_, path)| path);
        let mut paths = PermissionPath::held(configuration, profiles).into_iter().chain(limited);
        paths.find(|path| !changer.held.iter().any(|held| held.grants(path)))
    };
    if let Some(before) = before.filter(|before| before.id != changer.id)
        && let Some(path) = beyond(&before.profiles)
    {
        return Err(Refusal::MayDoMore { path });
    }
    let elevates = |profile: &&String| Some(((*profile).clone(), beyond(std::slice::from_ref(*profile))?));
    match given.iter().find_map(elevates) {
        Some((profile, path)) => Err(Refusal::Elevates { profile, path }),
        None => Ok(()),
    }
}

/// Whether the user can sign in and manage users.
pub fn is_manager(configuration: &Configuration, user: &User) -> bool {
    !user.disabled && may(&PermissionPath::held(configuration, &user.profiles), MANAGE)
}

fn may(held: &[PermissionPath], path: &str) -> bool {
    PermissionPath::parse(path).is_some_and(|needed| held.iter().any(|held| held.grants(&needed)))
}

#[cfg(test)]
mod tests {
    use model::configuration::PermissionProfile;
    use model::ids::IdentityId;

    use super::*;

    fn configuration() -> Configuration {
        let profiles: [(&str, &[&str], Option<&str>); 6] = [
            ("admin", &["/*"], None),
            ("people", &["/Users/View", "/Users/Manage", "/Home"], None),
            ("chief", &["/Users", "/Home"], None),
            ("staff", &["/Home/View"], None),
            ("jobs", &["/Jobs/Run"], None),
            ("team", &["/Orders/View"], Some("identity.manager == user.key")),
        ];
        let profile = |(name, paths, people): (&str, &[&str], Option<&str>)| {
            let permissions = paths.iter().map(|path| (*path).into()).collect();
            let people = people.map(str::to_owned);
            (name.to_owned(), PermissionProfile { display_name: name.to_owned(), permissions, people })
        };
        Configuration { permission_profiles: profiles.map(profile).into(), ..Configuration::default() }
    }

    fn user(id: i64, profiles: &[&str]) -> User {
        User {
            id: UserId(id),
            login: format!("user{id}"),
            display_name: format!("User {id}"),
            identity: None,
            profiles: profiles.iter().map(|name| (*name).to_owned()).collect(),
            disabled: false,
        }
    }

    /// What `changer` is told who makes one user of `all` another, or adds one.
    fn checked(changer: &User, before: Option<&User>, after: &User, all: &[User]) -> Result<(), Refusal> {
        let configuration = configuration();
        let held = PermissionPath::held(&configuration, &changer.profiles);
        check(&configuration, Changer { id: changer.id, held: &held }, before, after, all)
    }

    fn path(text: &str) -> PermissionPath {
        PermissionPath::parse(text).unwrap()
    }

    #[test]
    fn nobody_gives_what_they_do_not_hold_unless_they_may() {
        let elevates =
            |profile: &str, held: &str| Err(Refusal::Elevates { profile: profile.to_owned(), path: path(held) });
        for (changer, given, expected) in [
            ("people", "staff", Ok(())),
            ("people", "people", Ok(())),
            ("people", "jobs", elevates("jobs", "/Jobs/Run")),
            ("people", "admin", elevates("admin", "/*")),
            ("people", "chief", elevates("chief", "/Users")),
            ("people", "team", elevates("team", "/Orders/View")),
            ("chief", "admin", Ok(())),
            ("admin", "team", Ok(())),
            ("admin", "admin", Ok(())),
            ("admin", "none", Err(Refusal::NoProfile("none".to_owned()))),
        ] {
            let changer = user(1, &[changer]);
            let all = [changer.clone(), user(2, &[]), user(9, &["admin"])];
            assert_eq!(checked(&changer, None, &user(3, &[given]), &all), expected, "a new {given}");
            assert_eq!(checked(&changer, Some(&all[1]), &user(2, &[given]), &all), expected, "another's {given}");
            let mut own = changer.clone();
            own.profiles.push(given.to_owned());
            let has_it = changer.profiles.contains(&given.to_owned());
            assert_eq!(
                checked(&changer, Some(&changer), &own, &all),
                if has_it { Ok(()) } else { expected },
                "{given}"
            );
        }
    }

    #[test]
    fn whoever_may_do_more_is_changed_by_whoever_may_give_that() {
        let all = [user(1, &["people"]), user(2, &["admin"]), user(3, &["chief"])];
        let renamed = User { display_name: "Somebody".into(), ..all[1].clone() };
        let refused = Err(Refusal::MayDoMore { path: path("/*") });
        assert_eq!(checked(&all[0], Some(&all[1]), &renamed, &all), refused);
        assert_eq!(checked(&all[2], Some(&all[1]), &renamed, &all), Ok(()));
        // What somebody had already is no obstacle to changing something else of them, or of oneself.
        let renamed = User { display_name: "Somebody".into(), ..all[0].clone() };
        assert_eq!(checked(&all[0], Some(&all[0]), &renamed, &all), Ok(()));
    }

    #[test]
    fn an_identity_is_one_user_and_nobody_chooses_their_own() {
        let linked = |user: User, identity: i64| User { identity: Some(IdentityId(identity)), ..user };
        let all = [user(1, &["people"]), linked(user(2, &["staff"]), 7), user(3, &["staff"]), user(4, &["admin"])];
        let taken = Err(Refusal::IdentityTaken("user2".to_owned()));
        assert_eq!(checked(&all[0], Some(&all[2]), &linked(all[2].clone(), 7), &all), taken);
        assert_eq!(checked(&all[0], Some(&all[2]), &linked(all[2].clone(), 8), &all), Ok(()));
        assert_eq!(checked(&all[0], Some(&all[0]), &linked(all[0].clone(), 8), &all), Err(Refusal::OwnIdentity));
        assert_eq!(checked(&all[3], Some(&all[3]), &linked(all[3].clone(), 8), &all), Ok(()));
        // Two that have been the same for long are changed in all else.
        let twins = [linked(user(2, &["staff"]), 7), linked(user(3, &["staff"]), 7), user(4, &["admin"])];
        let renamed = User { display_name: "Somebody".into(), ..twins[0].clone() };
        assert_eq!(checked(&twins[2], Some(&twins[0]), &renamed, &twins), Ok(()));
    }

    #[test]
    fn nobody_is_given_both_sides_of_a_conflict() {
        let mut configuration = configuration();
        let conflict = model::configuration::PermissionConflict {
            display_name: "Runs and manages".into(),
            description: None,
            first: vec!["/Jobs/Run".into()],
            second: vec!["/Users/Manage".into()],
            effect: ConflictEffect::Refuse,
        };
        configuration.permission_conflicts.insert("pair".into(), conflict);
        let held = [path("/*")];
        let root = Changer { id: UserId(1), held: &held };
        let both = user(2, &["people", "jobs"]);
        let refused = |outcome| matches!(outcome, Err(Refusal::Conflicts(met)) if met.conflict == "pair");
        assert!(refused(check(&configuration, root, Some(&user(2, &["people"])), &both, &[])));
        assert!(refused(check(&configuration, root, None, &both, &[])));
        // What is so already holds up nothing else, and can be put right.
        let renamed = User { display_name: "Somebody".into(), ..both.clone() };
        assert_eq!(check(&configuration, root, Some(&both), &renamed, &[]), Ok(()));
        assert_eq!(check(&configuration, root, Some(&both), &user(2, &["people"]), &[]), Ok(()));
        assert_eq!(check(&configuration, root, None, &user(2, &["admin"]), &[]), Ok(()), "everything is shown only");
        if let Some(conflict) = configuration.permission_conflicts.get_mut("pair") {
            conflict.effect = ConflictEffect::Warn;
        }
        assert_eq!(check(&configuration, root, None, &both, &[]), Ok(()));
    }

    #[test]
    fn somebody_is_left_who_manages_users() {
        let disabled = |user: &User| User { disabled: true, ..user.clone() };
        let all = [user(1, &["admin"]), user(2, &["staff"]), disabled(&user(3, &["admin"]))];
        let command_line = User { id: UserId(0), ..user(0, &["admin"]) };
        assert_eq!(checked(&command_line, Some(&all[0]), &disabled(&all[0]), &all), Err(Refusal::LastManager));
        assert_eq!(checked(&all[0], Some(&all[0]), &user(1, &["staff"]), &all), Err(Refusal::LastManager));
        assert_eq!(checked(&all[0], Some(&all[0]), &user(1, &["people"]), &all), Ok(()));
        assert_eq!(checked(&all[0], Some(&all[0]), &disabled(&all[0]), &all), Err(Refusal::OwnDisabling));
        assert_eq!(checked(&command_line, Some(&all[1]), &disabled(&all[1]), &all), Ok(()));
        // Where there is nobody already, nothing else is held up by it.
        let nobody = [user(2, &["staff"])];
        assert_eq!(checked(&command_line, Some(&nobody[0]), &disabled(&nobody[0]), &nobody), Ok(()));
    }
}
