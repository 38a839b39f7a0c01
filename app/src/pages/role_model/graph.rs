//! The graph around one object: what leads to it on its left, what it leads to on its right. Each box is a link; beneath it
//! the same is told as a list.

use engine::role_model::graph::{Graph, Node, Thing};
use leptos::prelude::*;
use model::access::Grantable;
use model::draft::ObjectKind;

use crate::components::icon::icon;
use crate::frame::{Section, Sheet};
use crate::logic::graph::layout;
use crate::logic::{role_model, words};
use crate::pages::{Asked, page};

/// Of a box and of the space for it, in pixels.
const BOX: (usize, usize) = (184, 40);
const CELL: (usize, usize) = (230, 52);
/// Characters of a label that fit into a box.
const FITTING: usize = 25;

#[component]
pub fn GraphPage() -> impl IntoView {
    page(|Asked { op, query, .. }| async move {
        let kind = query.get("kind").and_then(|kind| ObjectKind::from_name(&kind)).unwrap_or(ObjectKind::Role);
        let name = query.get("name").unwrap_or_default();
        if name.is_empty() {
            return Ok(no_sheet());
        }
        let graph = engine::role_model::graph::graph(&op, kind, &name).await?;
        Ok(graph_sheet(kind, &name, &graph))
    })
}

/// Where no object is named: a graph is one object's.
fn no_sheet() -> Sheet {
    let lists = ObjectKind::ROLE_MODEL.map(|kind| {
        let name = words::sentence_case(&format!("{}s", kind.noun()));
        view! { <a class="button" href=role_model::list(kind)>{name}</a> }
    });
    let body = view! {
        <header class="page-head">
            <h1>"Graph"</h1>
            <p class="muted">"What leads to a role, an access profile, an entitlement or a rule, and what it leads to."</p>
        </header>
        <div class="empty">
            <span class="empty-art">{icon("graph")}</span>
            <h2>"Of what?"</h2>
            <p>"Open one in its list, and choose “Graph” on its page."</p>
            <div class="actions">{lists.collect_view()}</div>
        </div>
    };
    Sheet { section: Section::RoleModel, title: "Graph".to_owned(), body: body.into_any() }
}

pub fn graph_sheet(kind: ObjectKind, name: &str, graph: &Graph) -> Sheet {
    let label = graph.nodes.first().map_or_else(|| name.to_owned(), |node| node.label.clone());
    let title = format!("Graph of {} {label}", kind.noun());
    let left_out = (graph.left_out > 0).then(|| {
        let more = words::plural(graph.left_out as u64, "object is", "objects are");
        let text = format!("{more} further away and not shown. Open a box to go on from there.");
        view! { <div class="banner">{icon("half")}<p>{text}</p></div> }
    });
    let body = view! {
        <header class="page-head">
            <p class="muted">{kind.noun()}</p>
            <h1>{label.clone()}</h1>
            <p class="muted">"What leads to it stands on the left, what it leads to on the right. "<a href=role_model::object(kind, name)>"Back to its page"</a></p>
            {graph.nodes.iter().any(|node| node.denies).then(|| view! { <p class="muted"><span class="takes-line" aria-hidden="true"></span>" A dashed line: the rule takes it away."</p> })}
        </header>
        {left_out}
        {drawing(graph, &title)}
        {list(graph)}
    };
    Sheet { section: Section::RoleModel, title, body: body.into_any() }
}

fn drawing(graph: &Graph, title: &str) -> impl IntoView + use<> {
    let layers: Vec<usize> = graph.nodes.iter().map(|node| layer(&node.thing)).collect();
    let layout = layout(&layers, &graph.edges);
    let corner = |node: usize| {
        let (column, row) = layout.places.get(node).copied().unwrap_or_default();
        (column * CELL.0 + 2, row * CELL.1 + 2)
    };
    let lines = graph.edges.iter().map(|(from, to)| {
        let ((x, y), (to_x, to_y)) = (corner(*from), corner(*to));
        let (x, y, to_y) = (x + BOX.0, y + BOX.1 / 2, to_y + BOX.1 / 2);
        let middle = (x + to_x) / 2;
        let takes = graph.nodes.get(*from).is_some_and(|node| node.denies);
        view! { <path class="line" class:takes=takes d=format!("M{x} {y}C{middle} {y} {middle} {to_y} {to_x} {to_y}") /> }
    });
    let boxes = graph.nodes.iter().enumerate().map(|(number, node)| {
        let (x, y) = corner(number);
        let inside = view! {
            <title>{node.label.clone()}</title>
            <rect class="box" class:this=number == 0 x=x y=y width=BOX.0 height=BOX.1 rx="6" />
            <text class="what" x=x + 10 y=y + 15>{what(node)}</text>
            <text x=x + 10 y=y + 31>{shortened(&node.label)}</text>
        };
        match (number, address(&node.thing)) {
            (0, _) | (_, None) => view! { <g>{inside}</g> }.into_any(),
            (_, Some(address)) => view! { <a href=address>{inside}</a> }.into_any(),
        }
    });
    let (width, height) = (layout.columns * CELL.0 - (CELL.0 - BOX.0) + 4, layout.rows * CELL.1);
    let is_wide = layout.columns > 3;
    view! {
        <div class="graph" tabindex="0" role="region" aria-label=title.to_owned()>
            <svg width=width height=height class:wide=is_wide viewBox=format!("0 0 {width} {height}") role="group" aria-label=title.to_owned()>
                <g aria-hidden="true">{lines.collect_view()}</g>
                {boxes.collect_view()}
            </svg>
        </div>
    }
}

/// The same in words, for whoever does not see the lines.
fn list(graph: &Graph) -> impl IntoView + use<> {
    let named = |node: &Node| {
        let label = format!("{} {}", what(node), node.label);
        match address(&node.thing) {
            Some(address) => view! { <a href=address>{label}</a> }.into_any(),
            None => label.into_any(),
        }
    };
    let lines = graph.nodes.iter().enumerate().filter_map(|(number, node)| {
        let inner: Vec<&Node> =
            graph.edges.iter().filter(|(from, _)| *from == number).filter_map(|(_, to)| graph.nodes.get(*to)).collect();
        let verb = match (&node.thing, node.denies) {
            (Thing::Rule(_), true) => "takes",
            (Thing::Rule(_), false) => "gives",
            (Thing::Held(Grantable::Entitlement(_)), _) => "needs",
            (Thing::Held(_), _) => "contains",
        };
        let parts = inner.iter().map(|inner| view! { <li>{named(inner)}</li> }).collect_view();
        (!inner.is_empty()).then(|| view! { <li>{named(node)}" "{verb}<ul>{parts}</ul></li> })
    });
    view! { <details class="disclose graph-list"><summary>"As a list"</summary><ul>{lines.collect_view()}</ul></details> }
}

fn layer(thing: &Thing) -> usize {
    match thing {
        Thing::Rule(_) => 0,
        Thing::Held(Grantable::Role(_)) => 1,
        Thing::Held(Grantable::AccessProfile(_)) => 2,
        Thing::Held(Grantable::Entitlement(_)) => 3,
        Thing::Held(Grantable::AccountType(_)) => 4,
    }
}

fn what(node: &Node) -> &'static str {
    match &node.thing {
        Thing::Rule(_) if node.denies => "rule that takes",
        Thing::Rule(_) => "rule",
        Thing::Held(held) => words::kind(held),
    }
}

fn address(thing: &Thing) -> Option<String> {
    match thing {
        Thing::Rule(name) => Some(role_model::graph(ObjectKind::Rule, name)),
        Thing::Held(Grantable::Role(name)) => Some(role_model::graph(ObjectKind::Role, name)),
        Thing::Held(Grantable::AccessProfile(name)) => Some(role_model::graph(ObjectKind::AccessProfile, name)),
        Thing::Held(Grantable::Entitlement(name)) => Some(role_model::graph(ObjectKind::Entitlement, name)),
        Thing::Held(Grantable::AccountType(_)) => None,
    }
}

fn shortened(label: &str) -> String {
    match label.chars().count() > FITTING {
        true => format!("{}…", label.chars().take(FITTING - 1).collect::<String>().trim_end()),
        false => label.to_owned(),
    }
}
