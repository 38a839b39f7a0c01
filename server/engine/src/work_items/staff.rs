//! Who could do the work, and what was agreed about it: users and configuration, in the words in which `broker` decides.

use broker::deadline::Terms;
use broker::escalation;
use broker::fulfiller::{Named, Worker};
use model::configuration::{Configuration, Connection, ManualConnection};
use model::order::Order;
use model::user::{Duty, PermissionPath, User};
use model::work_item::Fulfiller;
use store::StoreError;

use crate::Engine;

/// Everybody who has a login, with what their profiles allow.
#[derive(Default)]
pub(crate) struct Staff(Vec<(User, Vec<PermissionPath>)>);

impl Staff {
    pub(crate) async fn read(engine: &Engine) -> Result<Self, StoreError> {
        let configuration = engine.world().configuration();
        let users = engine.store().users().await?;
        let with_rights = |user: User| {
            let held = PermissionPath::held(&configuration, &user.profiles);
            (user, held)
        };
        Ok(Self(users.into_iter().map(with_rights).collect()))
    }

    pub(crate) fn users(&self) -> impl Iterator<Item = &User> {
        self.0.iter().map(|(user, _)| user)
    }

    pub(crate) fn by_login(&self, login: &str) -> Option<&User> {
        self.users().find(|user| user.login.eq_ignore_ascii_case(login))
    }

    /// As workers of one account type.
    pub(crate) fn workers(&self, account_type: &str) -> Vec<Worker> {
        let worker = |(user, held): &(User, Vec<PermissionPath>)| Worker {
            login: user.login.clone(),
            display_name: user.display_name.clone(),
            identity: user.identity,
            profiles: user.profiles.clone(),
            disabled: user.disabled,
            may: Duty::Fulfil.is_allowed(held, account_type),
        };
        self.0.iter().map(worker).collect()
    }
}

/// What is agreed with the people who carry out an order: by whom it is sent to, where that is people; else by its own
/// application.
pub(crate) fn manual<'a>(configuration: &'a Configuration, order: &Order) -> Option<&'a ManualConnection> {
    let agreed = |name: &str| match configuration.carrier(name)?.connection {
        Connection::Manual(manual) => Some(manual),
        _ => None,
    };
    agreed(&order.carrier).or_else(|| agreed(&order.application))
}

/// Who answers for what an order is sent to; else for its own application.
fn owner<'a>(configuration: &'a Configuration, order: &Order) -> Option<&'a str> {
    let owner = |name: &str| configuration.carrier(name)?.owner;
    owner(&order.carrier).or_else(|| owner(&order.application))
}

/// Whom the configuration names for an order.
pub(crate) fn named<'a>(configuration: &'a Configuration, order: &Order) -> Named<'a> {
    let manual = manual(configuration, order);
    let account_type = configuration.account_types.get(&order.account_type);
    Named {
        account_type: account_type.and_then(|account_type| account_type.fulfiller.as_deref()),
        revoker: manual.and_then(|manual| manual.revoker.as_deref()),
        connection: manual.and_then(|manual| manual.fulfiller.as_deref()),
        owner: owner(configuration, order),
        no_own_work: manual.is_some_and(|manual| manual.no_own_work),
    }
}

/// Who it goes to when it is not done in time.
pub(crate) fn ladder(configuration: &Configuration, order: &Order) -> Vec<Fulfiller> {
    let manual = manual(configuration, order);
    let escalate_to = manual.and_then(|manual| manual.escalate_to.as_deref());
    escalation::ladder(escalate_to, owner(configuration, order))
}

/// When it is due, and what happens before and after.
pub(crate) fn terms(configuration: &Configuration, order: &Order) -> Terms {
    let steps = u32::try_from(ladder(configuration, order).len()).unwrap_or_default();
    Terms::of(manual(configuration, order), steps)
}

/// What people call whoever it is for.
pub(crate) fn label(configuration: &Configuration, users: &Staff, fulfiller: &Fulfiller) -> String {
    match fulfiller {
        Fulfiller::User(login) => users.by_login(login).map_or_else(|| login.clone(), |user| user.display_name.clone()),
        Fulfiller::Profile(name) => profile_label(configuration, name),
        Fulfiller::Everybody => "everybody who may do it".to_owned(),
    }
}

pub(crate) fn profile_label(configuration: &Configuration, name: &str) -> String {
    let profile = configuration.permission_profiles.get(name);
    profile.map_or_else(|| name.to_owned(), |profile| profile.display_name.clone())
}
