//! Request Tracker (REST 2.0): one ticket for each order, that somebody there carries out and resolves.
//!
//! A ticket bears a mark of its order in the subject (`ticket`). Whoever submits an order again looks for the mark
//! first, so that a crash between opening a ticket and writing that down leaves one ticket, not two. Statuses are read
//! for many tickets at once; what a status means is the connection's to say, and one that nobody has explained leaves
//! the order queued and is told. An order is answered as a whole: a ticket has no way to say that a part was refused.

mod queue;
mod template;
mod ticket;

use std::sync::Arc;

use async_trait::async_trait;
use futures::StreamExt;
use futures::future::BoxFuture;
use model::account::{Mechanism, ObservedAccount, ObservedEntitlement};
use model::command::{Applied, CalledOff, Command, CommandError, Handed, LateAnswer, Outcome, Polled};
use model::configuration::{RequestTrackerConnection, TicketMeaning};
use model::ids::OrderId;
use model::order::ErrorClass;
use model::value::Value;
use model::view::ApplicationSchema;

use crate::csv_extract::extract::{self, Extract};
use crate::http::{Client, Credentials};
use crate::patience::Patience;
use crate::{Answered, Capabilities, Connector, Context};
use queue::{Queue, Ticket};

/// Tickets whose status is asked for at once: an address stays well below what web servers take.
const AT_ONCE: usize = 50;

pub(crate) fn connect(
    connection: &RequestTrackerConnection,
    context: &Context<'_>,
) -> Result<Arc<dyn Connector>, CommandError> {
    if let Some((field, complaint)) = complaints(connection).into_iter().next() {
        let message = format!("The connection's {field}: {complaint}");
        return Err(CommandError::new(ErrorClass::Invalid, message));
    }
    let credentials = match (&connection.token, &connection.user, &connection.password) {
        (Some(token), _, _) => Credentials::Token(context.reveal(token)?),
        (None, Some(user), Some(password)) => {
            Credentials::Password { user: user.clone(), password: context.reveal(password)? }
        }
        _ => Credentials::None,
    };
    let client = Client::new(&connection.url, "application/json", credentials, &context.settings)?;
    Ok(Arc::new(RequestTracker {
        queue: Queue::new(client, connection),
        extract: connection.extract.as_ref().map(|extract| Extract::new(extract, &context.settings.base)),
        concurrency: context.settings.concurrency.max(1),
        connection: connection.clone(),
    }))
}

/// What is wrong with a connection: field and sentence each.
pub(crate) fn complaints(connection: &RequestTrackerConnection) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut complain = |field: &str, sentence: &str| found.push((field.to_owned(), sentence.to_owned()));
    match (&connection.token, &connection.user, &connection.password) {
        (Some(_), None, None) | (None, Some(_), Some(_)) => {}
        (Some(_), _, _) => complain("token", "Give either a token, or a user with a password, not both."),
        (None, Some(_), None) => complain("user", "A user needs a password."),
        (None, None, Some(_)) => complain("password", "A password needs a user."),
        (None, None, None) => {
            complain("url", "Nobody gets in without credentials: give a token, or user and password.")
        }
    }
    if connection.queue.trim().is_empty() {
        complain("queue", "Name the queue in which tickets are opened.");
    }
    for (field, number) in [("poll_minutes", connection.poll_minutes), ("expires_days", connection.expires_days)] {
        if number == Some(0) {
            complain(field, "Give a number above zero, or leave it out.");
        }
    }
    if let Some(status) = &connection.cancelled_status
        && connection.meaning(status) != Some(TicketMeaning::Declined)
    {
        let sentence = format!("`{status}` does not mean that a ticket is declined; choose one that does.");
        complain("cancelled_status", &sentence);
    }
    let texts = [("subject", connection.subject.as_ref()), ("body", connection.body.as_ref())];
    let fields = connection.custom_fields.iter().map(|(name, text)| (format!("custom_fields.{name}"), text));
    let texts = texts.into_iter().filter_map(|(field, text)| Some((field.to_owned(), text?))).chain(fields);
    for (field, text) in texts {
        match template::check(text, &ticket::PLACEHOLDERS) {
            Err(sentence) => found.push((field, sentence)),
            Ok(used) if field == "body" && !used.contains(&"changes") => {
                let sentence = "Whoever reads the ticket cannot know what to do: the body lacks {changes}.";
                found.push((field, sentence.to_owned()));
            }
            Ok(_) => {}
        }
    }
    found
}

struct RequestTracker {
    connection: RequestTrackerConnection,
    queue: Queue,
    extract: Option<Extract>,
    concurrency: usize,
}

#[async_trait]
impl Connector for RequestTracker {
    fn mechanism(&self) -> Mechanism {
        Mechanism::Executor
    }

    fn capabilities(&self) -> Capabilities {
        extract::capabilities(self.extract.as_ref())
    }

    async fn test(&self) -> Vec<(bool, String)> {
        let mut steps = self.queue.test().await;
        if let (Some(extract), true) = (&self.extract, steps.iter().all(|(succeeded, _)| *succeeded)) {
            steps.push(extract.test().await);
        }
        steps
    }

    async fn schema(&self) -> Result<ApplicationSchema, CommandError> {
        extract::schema(self.extract.as_ref()).await
    }

    async fn entitlements(&self) -> Result<Vec<ObservedEntitlement>, CommandError> {
        extract::entitlements(self.extract.as_ref()).await
    }

    async fn accounts(&self, sink: &mut (dyn FnMut(Vec<ObservedAccount>) + Send)) -> Result<(), CommandError> {
        extract::accounts(self.extract.as_ref(), sink).await
    }

    async fn account(&self, key: &str) -> Result<Option<ObservedAccount>, CommandError> {
        extract::account(self.extract.as_ref(), key).await
    }

    async fn find(&self, attribute: &str, value: &Value) -> Result<Vec<ObservedAccount>, CommandError> {
        extract::find(self.extract.as_ref(), attribute, value).await
    }

    async fn apply(&self, commands: Vec<Command>) -> Vec<Answered> {
        let patience = &Patience::default();
        let mut submissions: Vec<BoxFuture<'_, Answered>> = Vec::with_capacity(commands.len());
        for command in commands {
            submissions.push(Box::pin(async move {
                let submitted = patience.call(self.submit(&command)).await;
                (command.order, submitted.map(|ticket| Outcome::Handed { reference: ticket::reference(ticket) }))
            }));
        }
        futures::stream::iter(submissions).buffer_unordered(self.concurrency).collect().await
    }

    async fn poll(&self, handed: &[Handed]) -> Result<Polled, CommandError> {
        let mut polled = Polled::default();
        for some in handed.chunks(AT_ONCE) {
            let ids: Vec<u64> = some.iter().filter_map(|one| ticket::of_reference(&one.reference)).collect();
            let mut tickets = self.queue.tickets(&ids).await?;
            for one in some {
                let Some(id) = ticket::of_reference(&one.reference) else {
                    let sentence = format!("{:?} names no ticket of Request Tracker.", one.reference);
                    polled.unclear.push((one.order, sentence));
                    continue;
                };
                // A search leaves out tickets that were deleted or merged into others.
                let ticket = match tickets.remove(&id) {
                    Some(ticket) => Some(ticket),
                    None => self.queue.ticket(id).await?,
                };
                match ticket {
                    None => {
                        let sentence = format!("Ticket {id} cannot be found any more, or not be seen.");
                        polled.unclear.push((one.order, sentence));
                    }
                    Some(ticket) => self.judge(one, id, &ticket, &mut polled).await,
                }
            }
        }
        Ok(polled)
    }

    async fn call_off(&self, handed: &[Handed], why: &str) -> Vec<(OrderId, Result<CalledOff, CommandError>)> {
        let mut answers = Vec::with_capacity(handed.len());
        for one in handed {
            answers.push((one.order, self.call_off_one(one, why).await));
        }
        answers
    }
}

impl RequestTracker {
    /// The number of the order's ticket: the one that is there already, or a new one.
    async fn submit(&self, command: &Command) -> Result<u64, CommandError> {
        if let Some(message) = ticket::fault(command) {
            return Err(CommandError::new(ErrorClass::Invalid, message));
        }
        let digest = ticket::digest(command);
        if (command.fence > 1 || command.in_doubt)
            && let Some(known) = self.known(command, &digest).await?
        {
            return Ok(known);
        }
        let text = ticket::Text::new(command, &self.connection, &digest);
        self.queue.open(&text, &crate::directory::secrets(command)).await
    }

    /// The ticket that an earlier attempt opened. One that is closed has been answered, and counts only while it is not
    /// known whether that answer arrived.
    async fn known(&self, command: &Command, digest: &str) -> Result<Option<u64>, CommandError> {
        let mut found = self.queue.marked(&ticket::mark_start(command.order)).await?;
        found.retain(|ticket| ticket::is_marked(&ticket.subject, command.order, digest));
        let is_open = |ticket: &&Ticket| {
            !matches!(self.connection.meaning(&ticket.status), Some(TicketMeaning::Done | TicketMeaning::Declined))
        };
        let newest = |tickets: Vec<&Ticket>| tickets.iter().map(|ticket| ticket.id).max();
        let open = newest(found.iter().filter(is_open).collect());
        Ok(open.or_else(|| if command.in_doubt { newest(found.iter().collect()) } else { None }))
    }

    /// What a ticket's status says about its order.
    async fn judge(&self, handed: &Handed, id: u64, ticket: &Ticket, polled: &mut Polled) {
        let status = &ticket.status;
        let result = match self.connection.meaning(status) {
            Some(TicketMeaning::Queued) => return,
            Some(TicketMeaning::Done) => {
                let detail = format!("ticket {id} is {status}");
                Ok(Applied { key: handed.key.clone(), detail, ..Applied::default() })
            }
            Some(TicketMeaning::Declined) => {
                let message = match self.queue.last_comment(id).await {
                    Ok(Some(comment)) => format!("Ticket {id} is {status}: {comment}"),
                    Ok(None) => format!("Ticket {id} is {status}, without a comment that says why."),
                    Err(error) => format!("Ticket {id} is {status}; its comments cannot be read ({error})."),
                };
                Err(CommandError::new(ErrorClass::Declined, message))
            }
            None => {
                let sentence = format!(
                    "Ticket {id} has the status `{}`, and the connection does not say what that means.",
                    crate::directory::told(status, &[])
                );
                polled.unclear.push((handed.order, sentence));
                return;
            }
        };
        polled.answers.push(LateAnswer { order: handed.order, fence: Some(handed.fence), result });
    }

    async fn call_off_one(&self, handed: &Handed, why: &str) -> Result<CalledOff, CommandError> {
        let Some(id) = ticket::of_reference(&handed.reference) else {
            return Ok(CalledOff::TooLate(format!("{:?} names no ticket of Request Tracker.", handed.reference)));
        };
        let Some(ticket) = self.queue.ticket(id).await? else {
            return Ok(CalledOff::TooLate(format!("Ticket {id} is not there any more.")));
        };
        match self.connection.meaning(&ticket.status) {
            Some(TicketMeaning::Done) => {
                let sentence = format!("Ticket {id} was {} already: what it asked for is done.", ticket.status);
                return Ok(CalledOff::TooLate(sentence));
            }
            Some(TicketMeaning::Declined) => {
                return Ok(CalledOff::Told(format!("Ticket {id} was {} already.", ticket.status)));
            }
            Some(TicketMeaning::Queued) | None => {}
        }
        let status = self.connection.cancelled_status.as_deref();
        let status = status.unwrap_or(RequestTrackerConnection::CANCELLED_STATUS);
        let answer = self.queue.close(id, status, why).await?;
        let after = self.queue.ticket(id).await?;
        if after.is_some_and(|after| after.status.eq_ignore_ascii_case(status)) {
            return Ok(CalledOff::Told(format!("Ticket {id} was closed as {status}, with a comment that says why.")));
        }
        let message = format!("Ticket {id} was told in a comment, and stays open ({answer}). Close it by hand.");
        Err(CommandError::new(ErrorClass::Invalid, message))
    }
}
