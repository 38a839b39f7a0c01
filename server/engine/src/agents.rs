//! Agents: programs in other networks that read there what this one cannot reach. Here is what they ask and what they
//! are answered, and how they are; what a run asks of them is [`exports`], and what they do where they are [`site`] and
//! [`reading`].

pub(crate) mod exports;
pub mod reading;
pub mod site;
pub mod tokens;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use broker::untrusted;
use model::agent::{
    AgentExport, AgentFacts, AgentLink, AgentReads, AgentView, Assignment, ExportOutcome, ExportPage, ExportState,
    ExportSubject, MISSED_SECONDS, MOST_PAGES, NextExport, PAGE_ROWS, PROTOCOL,
};
use model::command::CommandError;
use model::error::ApiError;
use model::ids::{AgentExportId, AgentTokenId};
use store::{Attempt, ExportEnd, NewPage, PageKept, StoreError, Tx};

use crate::Engine;
use crate::context::OpContext;
use crate::error::internal;

/// How often somebody who waits looks for what was asked of another node, or handed over there.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Lines about a feed, or warnings, that are kept.
const MOST_LINES: usize = 100;

/// An agent that has shown its token.
#[derive(Clone)]
pub struct SignedAgent {
    engine: Engine,
    pub name: String,
    token: AgentTokenId,
    address: String,
}

/// Finds out which agent has this token.
///
/// # Errors
/// `Unauthenticated`, with what to do, where it is none or worth nothing any more.
pub async fn sign_in(engine: &Engine, token: &str, address: String) -> Result<SignedAgent, ApiError> {
    let token = tokens::find(engine, token).await?;
    Ok(SignedAgent { engine: engine.clone(), name: token.agent, token: token.id, address })
}

impl SignedAgent {
    /// What the agent is to read, once there is something; nothing where there was nothing until `leave`.
    pub async fn next(&self, ask: NextExport, leave: impl Future<Output = ()>) -> Result<Option<Assignment>, ApiError> {
        if ask.protocol != PROTOCOL {
            return Err(ApiError::invalid(
                "protocol",
                format!(
                    "The agent speaks version {} and the server version {PROTOCOL} of their protocol. Install the server's \
                     release where the agent runs.",
                    ask.protocol
                ),
            ));
        }
        let engine = &self.engine;
        self.heard(untrusted::key(&ask.version)).await?;
        tokio::pin!(leave);
        loop {
            let asked = engine.exports().notified();
            tokens::is_in_force(engine, self.token).await?;
            if engine.store().is_export_due(&self.name, engine.now()).await.map_err(internal)?
                && let Some(assignment) = self.claim().await?
            {
                return Ok(Some(assignment));
            }
            tokio::select! {
                () = asked => {}
                () = tokio::time::sleep(LOOK_EVERY) => {}
                () = engine.stopping().cancelled() => return Ok(None),
                () = &mut leave => {
                    self.heard(untrusted::key(&ask.version)).await?;
                    return Ok(None);
                }
            }
        }
    }

    async fn heard(&self, version: String) -> Result<(), ApiError> {
        let (token, facts) = (
            self.token,
            AgentFacts { name: self.name.clone(), heard_at: self.engine.now(), version, address: self.address.clone() },
        );
        let work = self.engine.store().write(move |tx| Box::pin(async move { tx.agent_heard(token, &facts).await }));
        work.await.map_err(internal)
    }

    async fn claim(&self) -> Result<Option<Assignment>, ApiError> {
        let agent = self.name.clone();
        let lease = self.engine.tuning().agent_lease;
        let (now, until) = (self.engine.now(), self.engine.after(lease));
        let work =
            self.engine.store().write(move |tx| Box::pin(async move { tx.claim_export(&agent, now, until).await }));
        let Some((export, what)) = work.await.map_err(internal)? else { return Ok(None) };
        tracing::info!(agent = self.name, export.id = %export.id, attempt = export.attempt, "An agent begins to read");
        self.engine.exports().notify_waiters();
        let lease_seconds = u32::try_from(lease.as_secs()).unwrap_or(u32::MAX).max(1);
        Ok(Some(Assignment { export: export.id, attempt: export.attempt, what, lease_seconds }))
    }

    /// Takes a page of rows; the same once more changes nothing.
    pub async fn page(&self, id: AgentExportId, attempt: u32, number: u32, page: ExportPage) -> Result<(), ApiError> {
        let export = self.export(id).await?;
        check(&export.subject, number, &page).map_err(|message| ApiError::invalid("rows", message))?;
        let rows = page.rows();
        let body = serde_json::to_string(&page).map_err(|_| ApiError::internal())?;
        let most = self.engine.tuning().agent_export_bytes;
        let said = self.said(id, attempt);
        let work = self.engine.store().write(move |tx| {
            Box::pin(async move {
                said.note(tx).await?;
                tx.keep_page(&said.attempt(), NewPage { number, rows, body: &body }, most).await
            })
        });
        match work.await.map_err(internal)? {
            PageKept::Now | PageKept::Before => {
                self.engine.exports().notify_waiters();
                Ok(())
            }
            PageKept::Refused => Err(self.refusal(id, attempt).await),
            PageKept::TooLarge => Err(ApiError::invalid(
                "rows",
                format!(
                    "Export {id} is larger than the {} MB that one may have; the page was not taken. Have less of it read: \
                     fewer attributes, or a part of the accounts.",
                    most / (1024 * 1024)
                ),
            )),
        }
    }

    /// Notes that the agent still reads.
    pub async fn goes_on(&self, id: AgentExportId, attempt: u32) -> Result<(), ApiError> {
        let said = self.said(id, attempt);
        let work = self.engine.store().write(move |tx| {
            Box::pin(async move {
                said.note(tx).await?;
                tx.export_goes_on(&said.attempt()).await
            })
        });
        if work.await.map_err(internal)? { Ok(()) } else { Err(self.refusal(id, attempt).await) }
    }

    /// Takes the end of an export, for better or worse; the same once more changes nothing.
    pub async fn finish(&self, id: AgentExportId, attempt: u32, outcome: ExportOutcome) -> Result<(), ApiError> {
        let outcome = cleaned(outcome);
        let (said, told) = (self.said(id, attempt), outcome.clone());
        let work = self.engine.store().write(move |tx| {
            Box::pin(async move {
                said.note(tx).await?;
                tx.finish_export(&said.attempt(), &told).await
            })
        });
        match work.await.map_err(internal)? {
            ExportEnd::Kept => {
                self.tell(id, &outcome);
                self.engine.exports().notify_waiters();
                Ok(())
            }
            ExportEnd::Before => Ok(()),
            ExportEnd::Refused => Err(self.refusal(id, attempt).await),
            ExportEnd::Incomplete { pages } => Err(ApiError::invalid(
                "pages",
                format!(
                    "Of export {id} there are {pages} pages here, numbered otherwise than was said. Send what is missing, or \
                     say that it failed."
                ),
            )),
        }
    }

    /// Messages and findings may quote what feeds and applications hold, so the log has none of them.
    fn tell(&self, id: AgentExportId, outcome: &ExportOutcome) {
        let agent = &self.name;
        match outcome {
            ExportOutcome::Complete { pages, warnings, .. } => {
                tracing::info!(agent, export.id = %id, pages, warnings = warnings.len(), "An agent has read an export");
            }
            ExportOutcome::Failed { error, findings } => {
                let (class, findings) = (error.class.name(), findings.len());
                tracing::warn!(agent, export.id = %id, class, findings, "An agent could not read an export");
            }
            ExportOutcome::Refused { .. } => {
                tracing::warn!(agent, export.id = %id, "An agent does not hand an export over");
            }
        }
    }

    /// What is said now about an attempt at an export.
    fn said(&self, export: AgentExportId, attempt: u32) -> Said {
        let (now, until) = (self.engine.now(), self.engine.after(self.engine.tuning().agent_lease));
        Said { agent: self.name.clone(), token: self.token, address: self.address.clone(), export, attempt, now, until }
    }

    /// An export of this agent; another's is none.
    async fn export(&self, id: AgentExportId) -> Result<AgentExport, ApiError> {
        let found = self.engine.store().agent_export(id).await.map_err(internal)?;
        found
            .filter(|export| export.agent == self.name)
            .ok_or_else(|| ApiError::not_found(format!("export {id} of the agent `{}`", self.name)))
    }

    /// Why what came about an export is not taken.
    async fn refusal(&self, id: AgentExportId, attempt: u32) -> ApiError {
        let export = match self.export(id).await {
            Ok(export) => export,
            Err(error) => return error,
        };
        ApiError::conflict(match (export.state, &export.given_up_because) {
            (_, Some(why)) => format!("Nobody waits for export {id} any more, so nothing of it was taken. {why}"),
            (ExportState::Reading, None) if export.attempt != attempt => {
                format!("Export {id} was begun anew, because this one was not heard of in time; nothing was taken.")
            }
            (state, None) => format!("Export {id} is not being read, but {}; nothing was taken.", state.name()),
        })
    }
}

/// Something that an agent says about an export. Whatever becomes of it, the agent is there.
struct Said {
    agent: String,
    token: AgentTokenId,
    address: String,
    export: AgentExportId,
    attempt: u32,
    now: jiff::Timestamp,
    until: jiff::Timestamp,
}

impl Said {
    async fn note(&self, tx: &mut Tx) -> Result<(), StoreError> {
        tx.agent_heard_again(self.token, &self.agent, &self.address, self.now).await
    }

    fn attempt(&self) -> Attempt<'_> {
        let (now, until) = (self.now, self.until);
        Attempt { id: self.export, agent: &self.agent, number: self.attempt, now, until }
    }
}

/// What is wrong with a page.
fn check(subject: &ExportSubject, number: u32, page: &ExportPage) -> Result<(), String> {
    if !(1..=MOST_PAGES).contains(&number) {
        return Err(format!("Pages are numbered from 1 to {MOST_PAGES}, and this is {number}."));
    }
    if page.rows() > PAGE_ROWS || page.rows() == 0 {
        return Err(format!("A page has from 1 to {PAGE_ROWS} rows, and this has {}.", page.rows()));
    }
    let fits = match subject {
        ExportSubject::Application(_) => page.people.is_empty(),
        ExportSubject::Source(_) => page.accounts.is_empty() && page.entitlements.is_empty(),
    };
    if !fits {
        return Err("These are not the rows that were asked for: of an application accounts and entitlements, of a \
                    source people."
            .to_owned());
    }
    let keys = page.entitlements.iter().map(|row| &row.key).chain(page.accounts.iter().map(|row| &row.key));
    if keys.chain(page.people.iter().map(|row| &row.key)).any(|key| key.trim().is_empty()) {
        return Err("A row has no key.".to_owned());
    }
    if page.people.iter().any(|row| row.contexts.is_empty()) {
        return Err("A person has no context.".to_owned());
    }
    Ok(())
}

/// What an agent says is trusted no more than what an application says.
fn cleaned(outcome: ExportOutcome) -> ExportOutcome {
    let lines = |lines: Vec<String>| lines.iter().take(MOST_LINES).map(|line| untrusted::message(line)).collect();
    match outcome {
        ExportOutcome::Complete { pages, lists, digest, warnings } => {
            ExportOutcome::Complete { pages, lists, digest: untrusted::key(&digest), warnings: lines(warnings) }
        }
        ExportOutcome::Failed { error, findings } => ExportOutcome::Failed {
            error: CommandError { retry_after: None, ..untrusted::error(error) },
            findings: lines(findings),
        },
        ExportOutcome::Refused { why } => ExportOutcome::Refused { why: untrusted::message(&why) },
    }
}

/// All agents: those of the configuration, and those that still have a token though it no longer knows them.
pub async fn rows(op: &OpContext) -> Result<Vec<AgentView>, ApiError> {
    op.require("/Agents/View")?;
    let configuration = op.engine.world().configuration();
    let store = op.engine.store();
    let mut tokens = store.agent_tokens().await.map_err(internal)?;
    // Those of identity providers are kept beside them.
    tokens.retain(|token| !token.agent.starts_with(crate::sign_ins::HOLDER));
    let mut facts: BTreeMap<String, AgentFacts> =
        store.agent_facts().await.map_err(internal)?.into_iter().map(|facts| (facts.name.clone(), facts)).collect();
    let exports = store.agent_exports().await.map_err(internal)?;
    let in_force = tokens.iter().filter(|token| token.revoked_at.is_none()).map(|token| token.agent.clone());
    let names: BTreeSet<String> = configuration.agents.keys().cloned().chain(in_force).collect();
    let view = |name: String| {
        let facts = facts.remove(&name);
        let described = configuration.agents.get(&name);
        let applications = configuration.applications.iter().filter(|(_, one)| one.read_by.as_ref() == Some(&name));
        let applications = applications
            .map(|(application, one)| (ExportSubject::Application(application.clone()), one.display_name.clone()));
        let sources = configuration.sources.iter().filter(|(_, one)| one.read_by.as_ref() == Some(&name));
        let sources = sources.map(|(source, _)| (ExportSubject::Source(source.clone()), source.clone()));
        AgentView {
            display_name: described.map_or_else(|| name.clone(), |agent| agent.display_name.clone()),
            description: described.and_then(|agent| agent.description.clone()),
            owner: described.and_then(|agent| agent.owner.clone()),
            is_gone: described.is_none(),
            is_there: facts.as_ref().is_some_and(|facts| is_there(facts.heard_at, op.now)),
            facts,
            reads: applications.chain(sources).map(|(subject, label)| reads(&name, subject, label, &exports)).collect(),
            tokens: tokens.iter().filter(|token| token.agent == name).cloned().collect(),
            name,
        }
    };
    Ok(names.into_iter().map(view).collect())
}

fn reads(agent: &str, subject: ExportSubject, label: String, exports: &[AgentExport]) -> AgentReads {
    let own = exports.iter().rev().filter(|export| export.agent == agent && export.subject == subject);
    let (over, open): (Vec<&AgentExport>, Vec<&AgentExport>) = own.partition(|export| export.state.is_over());
    AgentReads {
        current: open.first().map(|export| (*export).clone()),
        last: over.first().map(|export| (*export).clone()),
        subject,
        label,
    }
}

/// An agent as the page of what it reads names it.
pub(crate) async fn link(engine: &Engine, agent: Option<&str>) -> Result<Option<AgentLink>, StoreError> {
    let Some(name) = agent else { return Ok(None) };
    let configuration = engine.world().configuration();
    let display_name = configuration.agents.get(name).map_or(name, |agent| &agent.display_name).to_owned();
    let heard_at = engine.store().agent_heard_at(name).await?;
    Ok(Some(AgentLink { name: name.to_owned(), display_name, heard_at }))
}

fn is_there(heard_at: jiff::Timestamp, now: jiff::Timestamp) -> bool {
    now.duration_since(heard_at) < jiff::SignedDuration::from_secs(MISSED_SECONDS)
}

/// Whether an application's agent is there, in place of a test of the connection, which only the agent can reach.
pub(crate) async fn tested(engine: &Engine, application: &str, agent: &str) -> Result<Vec<(bool, String)>, StoreError> {
    let label =
        engine.world().configuration().agents.get(agent).map_or(agent.to_owned(), |one| one.display_name.clone());
    let heard = engine.store().agent_heard_at(agent).await?;
    let found = heard.is_some_and(|at| is_there(at, engine.now()));
    let said = match heard {
        _ if found => format!("The agent \u{201c}{label}\u{201d} reads it, and was heard of just now."),
        Some(at) => format!(
            "The agent \u{201c}{label}\u{201d} reads it, and was last heard of on {}. See that it runs.",
            at.to_zoned(engine.world().time_zone()).strftime("%F %T")
        ),
        None => format!(
            "The agent \u{201c}{label}\u{201d} reads it, and was never heard of. Start it, with a token from the page of agents."
        ),
    };
    let mut steps = vec![(found, said)];
    if !found {
        return Ok(steps);
    }
    let subject = ExportSubject::Application(application.to_owned());
    let last = engine.store().last_export(agent, &subject).await?;
    steps.push(match last.map(|last| (last.outcome, last.given_up_because)) {
        Some((_, Some(why))) => (true, format!("Its last export was given up. {why}")),
        Some((Some(ExportOutcome::Failed { error, .. }), _)) => {
            (false, format!("Its last export failed: {}.", error.message.trim_end_matches('.')))
        }
        Some((Some(ExportOutcome::Refused { why }), _)) => {
            (false, format!("It did not hand its last export over. {why}"))
        }
        Some(_) => (true, "Its last export was complete.".to_owned()),
        None => (true, "It was not asked for an export so far: the next complete run does.".to_owned()),
    });
    Ok(steps)
}

#[cfg(test)]
mod tests {
    use model::account::{ObservedAccount, ObservedEntitlement};

    use super::*;

    #[test]
    fn pages_that_make_no_sense_are_refused() {
        let account = |key: &str| ObservedAccount {
            key: key.into(),
            enabled: true,
            attributes: BTreeMap::new(),
            entitlements: [].into(),
        };
        let page = |accounts: Vec<ObservedAccount>| ExportPage { accounts, ..ExportPage::default() };
        let application = ExportSubject::Application("directory".into());
        let source = ExportSubject::Source("staff".into());
        assert_eq!(check(&application, 1, &page(vec![account("ann")])), Ok(()));
        let entitlement = ObservedEntitlement { key: " ".into(), display_name: "Blank".into() };
        for (subject, number, page, expected) in [
            (&application, 0, page(vec![account("ann")]), "numbered from 1"),
            (&application, MOST_PAGES + 1, page(vec![account("ann")]), "numbered from 1"),
            (&application, 1, page(vec![]), "from 1 to"),
            (&application, 1, page(vec![account("ann"); PAGE_ROWS + 1]), "from 1 to"),
            (&application, 1, page(vec![account("")]), "no key"),
            (&application, 1, ExportPage { entitlements: vec![entitlement], ..ExportPage::default() }, "no key"),
            (&source, 1, page(vec![account("ann")]), "not the rows"),
        ] {
            let refused = check(subject, number, &page).unwrap_err();
            assert!(refused.contains(expected), "{refused}");
        }
    }
}
