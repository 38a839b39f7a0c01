//! Plans for an account that should be: create it, enable it, bring it in step, or leave it as it is.

use std::borrow::Cow;

use model::access::{DesiredAccount, Grantable};
use model::account::AccountStatus;
use model::form::{Asked, Place, Question};
use model::order::{Order, ProvisioningState, StateReason};
use model::plan::{AccountRequest, AttributeRequest, FilterReason, ItemKind, ItemOperation, Operation, RequestPart};
use model::value::Value;

use super::line::{Line, Needs, asks, failures, refers};
use super::slot::{Slot, is_to_be_done};
use super::view::View;
use super::{Compiler, Progress, rules};
use crate::compare::says;
use crate::reference;

impl<'a> Compiler<'a, '_> {
    /// Plans for a desired account.
    pub(super) fn grant(&mut self, slot: &Slot<'a>) {
        let Some(desired) = slot.desired else { return };
        let known = View::new(slot.account);
        let sent = known.clone().with(&slot.sent);
        let dependencies = slot.facts.map_or(&[][..], |facts| &facts.depends_on);
        let (after, awaited) = self.waits_for(slot.facts.map_or(&[][..], |facts| &facts.comes_after));

        if sent.is_being_created() {
            self.under_way(slot, desired, &sent);
            return;
        }
        let mut lines = self.lines(desired, &sent);
        let about_account = operation(&sent, &lines).filter(|operation| *operation != Operation::Update);
        if let Some(why) = about_account.and_then(|operation| self.declined_account(slot, operation)) {
            self.retain(slot, ItemKind::Lifecycle, slot.name(), why);
            self.plan.withdrawn.extend(slot.replaceable());
            self.note(slot, desired, &known, None, &[]);
            return;
        }
        // What another account stands on that the state holds back waits with it.
        if about_account == Some(Operation::Create)
            && let Some(why) = dependencies.iter().find_map(|needed| self.held_back(needed))
        {
            self.retain(slot, ItemKind::Lifecycle, slot.name(), format!("It is not created. {why}"));
            self.plan.withdrawn.extend(slot.replaceable());
            self.note(slot, desired, &known, None, &[]);
            return;
        }
        // Nothing is reserved for a creation that fails anyway.
        if sent.status == Some(AccountStatus::Enabled) || failures(&lines).is_none() {
            self.choose_values(slot, &mut lines);
        }
        let operation = operation(&sent, &lines);
        let mut error = failures(&lines);
        if operation == Some(Operation::Create) {
            error = error.or_else(|| self.missing(slot, dependencies));
        }
        let asks = asks(&lines);
        // An account that is there already is brought in step with what is known, and gets the rest by a later plan.
        let refers = if operation == Some(Operation::Create) { refers(&lines) } else { Vec::new() };
        self.plan.questions.extend(lines.iter().filter_map(|line| question(slot, line)));
        // What fails for an account that is in use holds up nothing else: taking access away must not wait for it.
        let apart = if matches!(operation, None | Some(Operation::Update)) { error.take() } else { None };
        // An order not sent is kept where it does just what is needed.
        let is_kept = operation.is_some()
            && error.is_none()
            && (operation == Some(Operation::Update) || after.is_empty())
            && slot.can_be_kept()
            && !slot.is_stuck
            && !slot.is_misrouted
            && !self.waits_in_vain(slot)
            && (operation == Some(Operation::Update)
                || (slot.awaited() == asks && (!asks.is_empty() || slot.referred() == refers)))
            && !changes_what_stays(slot, &lines)
            && self.is_satisfied(desired, &lines, &sent.clone().with(&slot.unsent));
        let old_failure = |message: &str| slot.failed.iter().find(|order| has_failed_like(order, message)).copied();
        let kept_failure = error.as_deref().or(apart.as_deref()).and_then(old_failure);

        let request = match operation {
            None => None,
            Some(_) if is_kept => None,
            Some(_) if error.is_some() && kept_failure.is_some() => {
                self.filter(slot, ItemKind::Lifecycle, slot.name(), FilterReason::OnItsWay);
                None
            }
            Some(operation) => {
                let mut request = self.request(slot, operation, &lines, &sent, error);
                request.waits_for.extend(slot.in_flight());
                if operation != Operation::Update {
                    request.after = after;
                    request.waits_for.extend(awaited);
                    // What has failed is not sent whatever is answered.
                    if request.error.is_none() {
                        (request.awaits, request.refers) = (asks, refers);
                    }
                }
                Some(request)
            }
        };
        let kept: Vec<_> = kept_failure.into_iter().chain(slot.unsent.iter().copied().filter(|_| is_kept)).collect();
        let replaced = slot.replaceable().filter(|order| kept.iter().all(|kept| kept.id != *order));

        let is_untouched = operation.is_none() && apart.is_none() && slot.sent.is_empty();
        self.say(slot, desired, &lines, &known, is_kept, is_untouched);
        let is_failure_kept = kept_failure.is_some();
        match request {
            Some(mut request) => {
                request.supersedes.extend(replaced);
                self.note(slot, desired, &known, Some(request.operation), kept.as_slice());
                self.plan.requests.push(request);
            }
            None => {
                self.plan.withdrawn.extend(replaced);
                self.note(slot, desired, &known, None, kept.as_slice());
            }
        }
        if let Some(message) = apart
            && !is_failure_kept
        {
            let request = self.failed_request(slot, &lines, message);
            self.plan.requests.push(request);
        }
    }

    /// Says how far this account type is, for those that depend on it.
    fn note(
        &mut self,
        slot: &Slot<'a>,
        desired: &'a DesiredAccount,
        known: &View<'_>,
        operation: Option<Operation>,
        kept: &[&Order],
    ) {
        let brings = |operation| matches!(operation, Operation::Create | Operation::Enable);
        let request = operation.filter(|operation| brings(*operation)).map(|_| self.plan.requests.len());
        let orders = slot.sent.iter().chain(kept).filter(|order| brings(order.operation));
        let orders = orders.filter(|order| order.state != ProvisioningState::Executed).map(|order| order.id);
        self.progress.push(Progress {
            account_type: &desired.account_type,
            exists: known.status.is_some(),
            request,
            orders: orders.collect(),
        });
    }

    /// A creation is in flight: what differs from it is ordered once it is answered. What was ordered with it, and waits
    /// for it, stays while it is still what is wanted.
    fn under_way(&mut self, slot: &Slot<'a>, desired: &'a DesiredAccount, sent: &View<'a>) {
        self.filter(slot, ItemKind::Lifecycle, slot.name(), FilterReason::OnItsWay);
        let order = slot.sent.iter().rev().find(|order| order.operation == Operation::Create).map(|order| order.id);
        let with_unsent = sent.clone().with(&slot.unsent);
        let is_kept = slot.can_be_kept()
            && !slot.is_misrouted
            && slot.unsent.iter().all(|unsent| {
                unsent.operation == Operation::Update && order.is_some_and(|order| unsent.after.contains(&order))
            })
            && self.lines(desired, &with_unsent).iter().all(|line| !line.is_entitlement_change());
        let view = if is_kept { &with_unsent } else { sent };
        for line in self.lines(desired, view) {
            match line.needs {
                Needs::Nothing => self.filter(slot, line.kind, line.name, FilterReason::OnItsWay),
                Needs::Keep(_) if line.secret => self.filter(slot, line.kind, line.name, FilterReason::OnItsWay),
                Needs::Keep(why) => self.retain(slot, line.kind, line.name, why),
                _ => {
                    let order = order.map_or_else(|| "the order".to_owned(), |order| format!("order {order}"));
                    let why = format!("Left as ordered until {order}, which creates the account, is answered.");
                    self.retain(slot, line.kind, line.name, why);
                }
            }
        }
        let kept = slot.unsent.iter().filter(|_| is_kept).map(|order| order.id).collect::<Vec<_>>();
        self.plan.withdrawn.extend(slot.replaceable().filter(|order| !kept.contains(order)));
        self.note(slot, desired, &View::new(slot.account), None, &[]);
    }

    /// Adds to the plan what it leaves out, with why.
    fn say(
        &mut self,
        slot: &Slot<'a>,
        desired: &'a DesiredAccount,
        lines: &[Line<'a>],
        known: &View<'a>,
        is_kept: bool,
        is_untouched: bool,
    ) {
        let has_orders = !slot.sent.is_empty() || is_kept;
        // Without orders, what is the same was the same before.
        let before = if has_orders { self.lines(desired, known) } else { Vec::new() };
        let was_so = |line: &Line<'_>| {
            !has_orders
                || before
                    .iter()
                    .any(|other| other.kind == line.kind && other.name == line.name && !other.needs.is_change())
        };
        let filtered = |line: &Line<'_>| match &line.needs {
            // One line for the account says it for all of them.
            Needs::Nothing if is_untouched => None,
            Needs::Nothing if was_so(line) => Some(FilterReason::AlreadySo),
            Needs::Nothing => Some(FilterReason::OnItsWay),
            needs if needs.is_change() && is_kept => Some(FilterReason::OnItsWay),
            _ => None,
        };
        for line in lines {
            if let Some(why) = filtered(line) {
                self.filter(slot, line.kind, line.name, why);
            } else if let Needs::Keep(why) = &line.needs {
                self.retain(slot, line.kind, line.name, why.as_str());
            } else if let Needs::Ask(asked) = &line.needs
                && known.status == Some(AccountStatus::Enabled)
            {
                self.retain(slot, line.kind, line.name, waits(asked));
            } else if let Needs::Refer(referred) = &line.needs
                && known.status == Some(AccountStatus::Enabled)
            {
                self.retain(slot, line.kind, line.name, reference::waits(referred));
            }
        }
        let status = known.clone().with(&slot.sent).status;
        if known.status == Some(AccountStatus::Enabled) && status == known.status {
            self.filter(slot, ItemKind::Lifecycle, slot.name(), FilterReason::AlreadySo);
        } else if is_kept || status == Some(AccountStatus::Enabled) {
            self.filter(slot, ItemKind::Lifecycle, slot.name(), FilterReason::OnItsWay);
        }
    }

    /// Whether nothing would be left to do but what cannot be done.
    fn is_satisfied(&self, desired: &'a DesiredAccount, lines: &[Line<'a>], view: &View<'a>) -> bool {
        let fails = |name: &str| lines.iter().any(|line| line.name == name && matches!(line.needs, Needs::Fail(_)));
        view.status == Some(AccountStatus::Enabled)
            && self.lines(desired, view).iter().all(|line| !line.needs.is_change() || fails(line.name))
    }

    /// The request that does all that is needed.
    fn request(
        &self,
        slot: &Slot<'a>,
        operation: Operation,
        lines: &[Line<'a>],
        view: &View<'a>,
        error: Option<String>,
    ) -> AccountRequest {
        let account_reasons = self.account_reasons(slot);
        let label = self.catalogue.account_type_label(slot.account_type);
        let explanation = match operation {
            Operation::Create => {
                format!("An account of type \u{201c}{label}\u{201d} is needed{}.", granted_by(account_reasons))
            }
            Operation::Enable => format!("The account is needed again{}.", granted_by(account_reasons)),
            _ => format!("The account is brought in step with what account type \u{201c}{label}\u{201d} asks for."),
        };
        let explanation = match self.input.choice(slot.account_type) {
            Some(choice) => format!("{explanation} Of several accounts this one is used: {}.", choice.why),
            None => explanation,
        };
        let mut request = empty_request(slot, operation, explanation, error);
        if operation != Operation::Update {
            request.reasons = account_reasons.to_vec();
            request.items.push(lifecycle_item(slot.name(), &request));
        }
        let is_creation = operation == Operation::Create;
        for line in lines {
            let current = if line.secret { None } else { view.attribute(line.name).cloned() };
            let why = if is_creation {
                format!("Part of the specification of account type \u{201c}{label}\u{201d}.")
            } else {
                "Differs from what the account type's specification gives now.".to_owned()
            };
            match &line.needs {
                Needs::Set(value) => {
                    request.items.push(attribute_item(
                        line,
                        ItemOperation::Set,
                        Some(value.clone().into_owned()),
                        current,
                        why,
                    ));
                }
                Needs::Clear => {
                    let why = "The source gives no value any more.".to_owned();
                    request.items.push(attribute_item(line, ItemOperation::Remove, None, current, why));
                }
                // Only in a request that is never sent: nothing was chosen, so that nothing is reserved.
                Needs::Choose(_) => {}
                Needs::Fail(message) if request.error.is_some() => {
                    request.items.push(attribute_item(line, ItemOperation::Set, None, current, message.clone()));
                }
                // What exists is brought in step with what is known.
                Needs::Ask(asked) if operation != Operation::Update => {
                    request.items.push(attribute_item(line, ItemOperation::Set, None, current, waits(asked)));
                }
                Needs::Refer(referred) if operation == Operation::Create => {
                    let why = reference::waits(referred);
                    request.items.push(attribute_item(line, ItemOperation::Set, None, current, why));
                }
                Needs::Fail(_) | Needs::Ask(_) | Needs::Refer(_) => {}
                Needs::Add | Needs::Remove => request.items.push(self.entitlement_item(line)),
                Needs::Nothing | Needs::Keep(_) => {}
            }
        }
        if is_creation && slot.facts.is_some_and(|facts| facts.key_is_native) {
            let key = slot.facts.map_or("", |facts| &facts.key_attribute);
            let item = request.items.iter().find(|item| item.kind == ItemKind::Attribute && item.name == key);
            request.key = item.and_then(|item| item.value.as_ref()).map(ToString::to_string);
        }
        request
    }

    /// The request that only records a failure, beside what else happens to the account.
    fn failed_request(&self, slot: &Slot<'a>, lines: &[Line<'a>], message: String) -> AccountRequest {
        let explanation = "A value of the account could not be computed.".to_owned();
        let mut request = empty_request(slot, Operation::Update, explanation, Some(message));
        for line in lines {
            if let Needs::Fail(message) = &line.needs {
                request.items.push(attribute_item(line, ItemOperation::Set, None, None, message.clone()));
            }
        }
        request
    }

    /// Reserves unique values. Where none is left, the line fails.
    fn choose_values(&mut self, slot: &Slot<'_>, lines: &mut [Line<'a>]) {
        for line in lines {
            if let Needs::Choose(candidates) = line.needs {
                line.needs = match self.choose(slot, line.name, candidates) {
                    Some(value) => Needs::Set(Cow::Owned(Value::Text(value.to_owned()))),
                    None => Needs::Fail(self.none_left(line.name, candidates)),
                };
            }
        }
    }

    fn choose<'c>(&mut self, slot: &Slot<'_>, attribute: &str, candidates: &'c [String]) -> Option<&'c str> {
        // What an order that is replaced had reserved stays this identity's.
        let ordered: Vec<&Value> = slot
            .unsent
            .iter()
            .flat_map(|order| &order.items)
            .filter(|item| item.kind == ItemKind::Attribute && item.name == attribute)
            .filter_map(|item| item.value.as_ref())
            .collect();
        let (mut first, then): (Vec<&str>, Vec<&str>) = candidates
            .iter()
            .map(String::as_str)
            .partition(|candidate| ordered.iter().any(|value| says(value, candidate)));
        first.extend(then);
        let identity = self.input.desired.identity;
        first.into_iter().find(|value| self.values.take(slot.application, attribute, value, identity))
    }

    /// Which account has to exist first and is not coming.
    fn missing(&self, slot: &Slot<'_>, dependencies: &[String]) -> Option<String> {
        let comes = |needed: &str| {
            let is_known = self.progress.iter().any(|progress| {
                progress.account_type == needed
                    && (progress.exists || progress.request.is_some() || !progress.orders.is_empty())
            });
            is_known
                || self.input.accounts.iter().any(|account| account.account_type == needed && super::is_there(account))
        };
        let needed = dependencies.iter().filter(|needed| !comes(needed)).min()?;
        Some(format!(
            "Account type \u{201c}{}\u{201d} needs an account of type \u{201c}{}\u{201d} first, and nothing grants one to \
             identity {}. Grant both together, then run the job again.",
            self.catalogue.account_type_label(slot.account_type),
            self.catalogue.account_type_label(needed),
            self.input.desired.identity,
        ))
    }

    fn none_left(&self, attribute: &str, candidates: &[String]) -> String {
        let last = candidates.last().map_or("", String::as_str);
        format!(
            "No free value for \u{201c}{attribute}\u{201d} of identity {}: {} were tried, the last \u{201c}{last}\u{201d}. \
             Give the account type's specification a rule that yields more, then run the job again.",
            self.input.desired.identity,
            candidates.len(),
        )
    }

    fn account_reasons(&self, slot: &Slot<'_>) -> &'a [model::access::Reason] {
        self.reasons(|grantable| matches!(grantable, Grantable::AccountType(name) if name == slot.account_type))
    }

    pub(super) fn entitlement_item(&self, line: &Line<'_>) -> AttributeRequest {
        let name = line.entitlement.unwrap_or_default();
        let is_it = |grantable: &Grantable| matches!(grantable, Grantable::Entitlement(other) if other == name);
        let (operation, reasons, explanation) = if matches!(line.needs, Needs::Add) {
            let reasons = self.reasons(is_it);
            (ItemOperation::Add, reasons.to_vec(), format!("Needed{}.", granted_by(reasons)))
        } else {
            match self.input.desired.denied.iter().find(|denied| is_it(&denied.grantable)) {
                Some(denied) => {
                    let reasons = vec![denied.denied_by.clone()];
                    let explanation = format!("Taken away by {}.", rules(&reasons));
                    (ItemOperation::Remove, reasons, explanation)
                }
                None => {
                    let withheld = self.withheld(&Grantable::Entitlement(name.to_owned()));
                    let why = withheld.unwrap_or_else(|| "Nothing grants it any more.".to_owned());
                    (ItemOperation::Remove, Vec::new(), why)
                }
            }
        };
        AttributeRequest {
            kind: ItemKind::Entitlement,
            name: line.name.to_owned(),
            operation,
            value: None,
            current: None,
            entitlement: line.entitlement.map(str::to_owned),
            reasons,
            explanation,
            secret: false,
        }
    }
}

pub(super) fn empty_request(
    slot: &Slot<'_>,
    operation: Operation,
    explanation: String,
    error: Option<String>,
) -> AccountRequest {
    let account = slot.account.filter(|_| operation != Operation::Create);
    AccountRequest {
        application: slot.application.to_owned(),
        account_type: slot.account_type.to_owned(),
        account: account.map(|account| account.id),
        key: account.map(|account| account.key.clone()),
        operation,
        part: RequestPart::Whole,
        items: Vec::new(),
        reasons: Vec::new(),
        explanation,
        after: Vec::new(),
        error,
        waits_for: Vec::new(),
        supersedes: Vec::new(),
        awaits: Vec::new(),
        refers: Vec::new(),
        sets_back: Vec::new(),
        in_doubt: false,
    }
}

/// The item that stands for the account itself.
pub(super) fn lifecycle_item(name: &str, request: &AccountRequest) -> AttributeRequest {
    AttributeRequest {
        kind: ItemKind::Lifecycle,
        name: name.to_owned(),
        operation: if request.operation.removes() { ItemOperation::Remove } else { ItemOperation::Add },
        value: None,
        current: None,
        entitlement: None,
        reasons: request.reasons.clone(),
        explanation: request.explanation.clone(),
        secret: false,
    }
}

fn attribute_item(
    line: &Line<'_>,
    operation: ItemOperation,
    value: Option<Value>,
    current: Option<Value>,
    explanation: String,
) -> AttributeRequest {
    AttributeRequest {
        kind: ItemKind::Attribute,
        name: line.name.to_owned(),
        operation,
        value,
        current,
        entitlement: None,
        reasons: Vec::new(),
        explanation,
        secret: line.secret,
    }
}

/// What happens to the account itself.
fn operation(view: &View<'_>, lines: &[Line<'_>]) -> Option<Operation> {
    match view.status {
        None | Some(AccountStatus::Gone) => Some(Operation::Create),
        Some(AccountStatus::Disabled) => Some(Operation::Enable),
        Some(AccountStatus::Enabled) => lines.iter().any(|line| line.needs.is_change()).then_some(Operation::Update),
    }
}

/// Whether an order that was not sent changes something that is to stay as it is by now.
fn changes_what_stays(slot: &Slot<'_>, lines: &[Line<'_>]) -> bool {
    let stays = |kind, name: &str| {
        let is_it = |line: &&Line<'_>| line.kind == kind && line.name == name;
        lines.iter().find(is_it).is_some_and(|line| matches!(line.needs, Needs::Keep(_)))
    };
    slot.unsent.iter().flat_map(|order| &order.items).any(|item| is_to_be_done(item) && stays(item.kind, &item.name))
}

fn question(slot: &Slot<'_>, line: &Line<'_>) -> Option<Question> {
    let Needs::Ask(asked) = line.needs else { return None };
    let place = Place {
        application: slot.application.to_owned(),
        account_type: slot.account_type.to_owned(),
        attribute: line.name.to_owned(),
    };
    Some(Question { asked: asked.clone(), place })
}

fn waits(asked: &Asked) -> String {
    format!("Waits for an answer from {}.", asked.owner)
}

fn granted_by(reasons: &[model::access::Reason]) -> String {
    if reasons.is_empty() { String::new() } else { format!(": granted by {}", rules(reasons)) }
}

pub(super) fn has_failed_like(order: &Order, message: &str) -> bool {
    matches!(&order.reason, Some(StateReason::RuleFailed { message: before }) if before == message)
}
