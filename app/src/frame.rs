//! What stands around every page: rail, top bar, message, and the page's own sheet.

use leptos::prelude::*;
use leptos_meta::Title;
use model::user::{Duty, PermissionPath};

use crate::components::chip::Tone;
use crate::components::form;
use crate::components::icon::{icon, mark, sprite};
use crate::components::list_tools::{ListTools, list_tools};
use crate::components::quoted::quoted;
use crate::islands::{Keys, Palette};
use crate::logic::flash::{Flash, FlashKind};
use crate::logic::time::Clock;

/// Part of the product, as in the rail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    Home,
    Access,
    WorkItems,
    Forms,
    Review,
    Orders,
    Identities,
    Requests,
    Approvals,
    Certifications,
    Jobs,
    Applications,
    RoleModel,
    NativeChanges,
    Violations,
    Reconciliation,
    Users,
    /// A page that belongs to none.
    Elsewhere,
}

impl Section {
    const RAIL: [Self; 17] = [
        Self::Home,
        Self::Access,
        Self::WorkItems,
        Self::Forms,
        Self::Review,
        Self::Approvals,
        Self::Certifications,
        Self::Requests,
        Self::Orders,
        Self::Identities,
        Self::Jobs,
        Self::Applications,
        Self::RoleModel,
        Self::NativeChanges,
        Self::Violations,
        Self::Reconciliation,
        Self::Users,
    ];

    fn label(self) -> &'static str {
        match self {
            Self::Home => "Home",
            Self::Access => "My access",
            Self::WorkItems => "Work items",
            Self::Forms => "Forms",
            Self::Review => "Review",
            Self::Orders => "Orders",
            Self::Identities => "Identities",
            Self::Requests => "Requests",
            Self::Approvals => "Approvals",
            Self::Certifications => "Certifications",
            Self::Jobs => "Job execution",
            Self::Applications => "Applications",
            Self::RoleModel => "Role model",
            Self::NativeChanges => "Native changes",
            Self::Violations => "Violations",
            Self::Reconciliation => "Reconciliation",
            Self::Users => "Users",
            Self::Elsewhere => "",
        }
    }

    fn path(self) -> &'static str {
        match self {
            Self::Home | Self::Elsewhere => "/",
            Self::Access => "/access",
            Self::WorkItems => "/work-items",
            Self::Forms => "/forms",
            Self::Review => "/review",
            Self::Orders => "/orders",
            Self::Identities => "/identities",
            Self::Requests => "/requests",
            Self::Approvals => "/approvals",
            Self::Certifications => "/certifications",
            Self::Jobs => "/jobs",
            Self::Applications => "/applications",
            Self::RoleModel => "/roles",
            Self::NativeChanges => "/native-changes",
            Self::Violations => "/violations",
            Self::Reconciliation => "/reconciliation",
            Self::Users => "/users",
        }
    }

    fn shape(self) -> &'static str {
        match self {
            Self::Home | Self::Elsewhere => "home",
            Self::Access => "key",
            Self::WorkItems => "work",
            Self::Forms => "pencil",
            Self::Review => "hand",
            Self::Orders => "orders",
            Self::Identities => "identities",
            Self::Requests => "plane",
            Self::Approvals => "check",
            Self::Certifications => "key",
            Self::Jobs => "jobs",
            Self::Applications => "applications",
            Self::RoleModel => "role",
            Self::NativeChanges => "wrench",
            Self::Violations => "octagon",
            Self::Reconciliation => "double-check",
            Self::Users => "user",
        }
    }

    fn permission(self) -> &'static str {
        match self {
            // Everybody who comes in may be asked something.
            Self::Home | Self::Access | Self::Forms | Self::Elsewhere => "/Home/View",
            Self::WorkItems => "/WorkItems/View",
            Self::Review => "/Orders/Review",
            Self::Orders => "/Orders/View",
            Self::Identities => "/Identities/View",
            Self::Requests => "/Requests/View",
            Self::Approvals => "/Requests/Approve",
            Self::Certifications => "/Certifications/View",
            Self::Jobs => "/Jobs/View",
            Self::Applications => "/Applications/View",
            Self::RoleModel => "/Configuration/View",
            Self::NativeChanges => "/NativeChanges/View",
            Self::Violations => "/Violations/View",
            Self::Reconciliation => "/Reconciliation/View",
            Self::Users => "/Users/View",
        }
    }
}

/// A page's own content.
pub struct Sheet {
    pub section: Section,
    /// In the browser's title and last in the breadcrumb.
    pub title: String,
    pub body: AnyView,
}

/// What the caller may do, for showing buttons. The use cases ask again.
#[derive(Clone, Debug, Default)]
pub struct Rights(Vec<PermissionPath>);

impl Rights {
    pub fn of(paths: &[PermissionPath]) -> Self {
        Self(paths.to_vec())
    }

    /// Whether the visitor has the duty for this account type.
    pub fn may_for(&self, duty: Duty, account_type: &str) -> bool {
        duty.is_allowed(&self.0, account_type)
    }

    pub fn may(&self, path: &str) -> bool {
        PermissionPath::parse(path).is_some_and(|needed| self.0.iter().any(|held| held.grants(&needed)))
    }
}

/// Who looks, from where, when.
#[derive(Clone, Debug)]
pub struct Visitor {
    pub name: String,
    pub login: String,
    pub rights: Rights,
    /// Path and query of this page.
    pub path: String,
    /// None follows the system.
    pub theme: Option<&'static str>,
    pub flash: Option<Flash>,
    pub clock: Clock,
    pub request_id: String,
    /// Some of the applications came with the demo.
    pub is_demo: bool,
    /// Orders that wait for this person's review.
    pub reviews: u64,
    /// Native changes that wait for a decision this person may take.
    pub native_changes: u64,
    /// Violations that wait for a decision this person may take.
    pub violations: u64,
    /// What people asked for and this person may agree to.
    pub approvals: u64,
    /// Access that waits for this person's word.
    pub certifications: u64,
    /// Questions that wait for this person's answer.
    pub questions: u64,
    /// Forms that wait for this person's answers.
    pub forms: u64,
    /// What of the list on this page can be kept and taken along.
    pub tools: Option<ListTools>,
    /// Lists that the menu opens with a view: page, and where it leads.
    pub menu: Vec<(String, String)>,
    /// Somebody has said which identity this person is, so that there is access of theirs to show.
    pub has_identity: bool,
}

/// The sheet with everything around it.
pub fn frame(visitor: &Visitor, sheet: Sheet) -> AnyView {
    let Sheet { section, title, body } = sheet;
    view! {
        <Title text=title.clone() />
        {sprite()}
        <a class="skip" href="#content">"Skip to content"</a>
        <div class="frame">
            {rail(visitor, section)}
            <div class="stage">
                <header class="topbar">
                    {breadcrumb(section, &title)}
                    <form class="search" role="search" action="/search" aria-label="Everything">
                        {icon("search")}
                        <input type="search" name="q" aria-label="Search everything" placeholder="Search everything" autocomplete="off" />
                        <kbd aria-hidden="true">"/"</kbd>
                    </form>
                    <Palette login=visitor.login.clone() />
                    {visitor.is_demo.then(|| view! { <span class="environment" title="Applications marked as demo stand for real ones">"Demo"</span> })}
                    <Keys />
                    {menu(visitor)}
                </header>
                <main id="content" tabindex="-1">
                    {visitor.flash.as_ref().map(flash)}
                    {visitor.tools.as_ref().map(list_tools)}
                    {body}
                </main>
            </div>
        </div>
    }
    .into_any()
}

/// A page without a visitor: the sign-in page.
pub fn bare(sheet: Sheet) -> AnyView {
    view! {
        <Title text=sheet.title />
        {sprite()}
        <main id="content" class="bare">{sheet.body}</main>
    }
    .into_any()
}

/// Class and sign of what says how something ended.
pub fn banner(kind: FlashKind) -> (&'static str, &'static str) {
    match kind {
        FlashKind::Done => (Tone::Ok.banner(), "check"),
        FlashKind::Partly => (Tone::Warn.banner(), "half"),
        FlashKind::Failed => (Tone::Danger.banner(), "octagon"),
    }
}

/// What came of the last form.
pub fn flash(flash: &Flash) -> impl IntoView + use<> {
    let (class, shape) = banner(flash.kind);
    let lines = flash.lines.iter().map(|line| view! { <li>{quoted(line)}</li> }).collect_view();
    view! {
        <div class=class role="status">
            {icon(shape)}
            <div>
                <p>{quoted(&flash.title)}</p>
                {(!flash.lines.is_empty()).then(|| view! { <ul>{lines}</ul> })}
            </div>
        </div>
    }
}

fn rail(visitor: &Visitor, section: Section) -> impl IntoView + use<> {
    // Whoever owns a risk sees its violations, and whoever may decide about a request, or is asked to certify access, sees
    // that, whatever their profile says.
    let is_shown = |place: &Section| {
        (*place == Section::Access && visitor.has_identity)
            || (*place != Section::Access && visitor.rights.may(place.permission()))
            || (*place == Section::Violations && visitor.violations > 0)
            || (*place == Section::Approvals && visitor.approvals > 0)
            || (*place == Section::Certifications && visitor.certifications > 0)
    };
    let links = Section::RAIL.into_iter().filter(is_shown).map(|place| {
        let current = (place == section).then_some("page");
        let waiting = match place {
            Section::Review => visitor.reviews,
            Section::Forms => visitor.forms,
            Section::NativeChanges => visitor.native_changes,
            Section::Violations => visitor.violations,
            Section::Approvals => visitor.approvals,
            Section::Certifications => visitor.certifications,
            _ => 0,
        };
        let count = (waiting > 0)
            .then(|| view! { <span class="count">{crate::logic::words::total(waiting)}<span class="sr">" waiting"</span></span> });
        let own = visitor.menu.iter().find(|(page, _)| page == place.path());
        let address = own.map_or_else(|| place.path().to_owned(), |(_, address)| address.clone());
        view! { <li><a href=address data-place=place.path() aria-current=current>{icon(place.shape())}<span>{place.label()}</span>{count}</a></li> }
    });
    let questions = (visitor.questions > 0).then(|| {
        view! { <li><a href="/work-items/questions">{icon("pencil")}<span>"Questions"</span><span class="count">{crate::logic::words::total(visitor.questions)}<span class="sr">" to you"</span></span></a></li> }
    });
    view! {
        <nav class="rail" aria-label="Main">
            <a class="wordmark" href="/" aria-label="Quartermaster, home">{mark()}<span>"Quartermaster"</span></a>
            <ul>{links.collect_view()}{questions}</ul>
            <details class="more"><summary>{icon("more")}<span>"More"</span></summary></details>
            <p class="rail-foot"><kbd>"?"</kbd>" for keys"</p>
        </nav>
    }
}

fn breadcrumb(section: Section, title: &str) -> impl IntoView + use<> {
    let parent = (!section.label().is_empty() && section.label() != title)
        .then(|| view! { <li><a href=section.path()>{section.label()}</a></li> });
    view! {
        <nav class="crumbs" aria-label="Breadcrumb">
            <ol>{parent}<li aria-current="page">{title.to_owned()}</li></ol>
        </nav>
    }
}

fn menu(visitor: &Visitor) -> impl IntoView + use<> {
    let themes = [("system", "System", "screen"), ("light", "Light", "sun"), ("dark", "Dark", "moon")];
    let chosen = visitor.theme.unwrap_or("system");
    let themes = themes.map(|(value, label, shape)| {
        let pressed = if value == chosen { "true" } else { "false" };
        view! { <button name="theme" value=value aria-pressed=pressed>{icon(shape)}{label}</button> }
    });
    let initials: String = visitor.name.split_whitespace().filter_map(|word| word.chars().next()).take(2).collect();
    view! {
        <details class="menu">
            <summary><span class="avatar" aria-hidden="true">{initials}</span><span class="sr">{format!("Signed in as {}", visitor.name)}</span></summary>
            <div class="menu-body">
                <p><strong>{visitor.name.clone()}</strong><span class="muted">{visitor.login.clone()}</span></p>
                <form class="themes" method="post" action="/preferences/theme" aria-label="Theme">
                    <input type="hidden" name="return_to" value=visitor.path.clone() />
                    {themes}
                </form>
                <a class="button quiet wide" href="/work-items/questions">{icon("hand")}"Questions to me"{(visitor.questions > 0).then(|| view! { <span class="count">{crate::logic::words::total(visitor.questions)}</span> })}</a>
                <a class="button quiet wide" href="/access">{icon("key")}"My access"</a>
                <a class="button quiet wide" href="/my-mail">{icon("pencil")}"My mail"</a>
                {visitor.rights.may("/Mails/View").then(|| view! { <a class="button quiet wide" href="/mails">{icon("plane")}"Mail that was sent"</a> })}
                {visitor.rights.may("/Events/View").then(|| view! { <a class="button quiet wide" href="/events">{icon("plane")}"Events for other systems"</a> })}
                {visitor.rights.may("/Agents/View").then(|| view! { <a class="button quiet wide" href="/agents">{icon("plug")}"Agents"</a> })}
                <form method="post" action="/logout"><button class="button quiet wide">{icon("exit")}"Sign out"</button></form>
            </div>
        </details>
    }
}

/// A button where the caller may, a sentence where not.
pub fn allowed(
    rights: &Rights,
    permission: &'static str,
    what: &'static str,
    button: impl IntoView + 'static,
) -> AnyView {
    if rights.may(permission) { button.into_any() } else { form::refused(what, permission).into_any() }
}
