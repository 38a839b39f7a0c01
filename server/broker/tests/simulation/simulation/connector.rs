//! How a node reaches an application: what `connectors` does, with the network in between. A call may be lost, arrive
//! late, arrive after its sender died, and its answer may be lost; what the caller makes of that is what the real
//! connectors make of it.

use std::time::Duration;

use model::account::ObservedAccount;
use model::command::{Applied, Command, CommandError, LateAnswer, Outcome};
use model::ids::OrderId;
use model::order::ErrorClass;
use model::plan::Operation;
use model::value::Value;

use super::applications::{Reply, Request, Weather, change};
use super::node::Node;
use super::scheduler::{Moment, SECOND, Work, side_by_side};
use super::{invariants, scheduler};

/// How long a call is waited for.
const PATIENCE: Moment = 30 * SECOND;

pub(crate) type Answered = (OrderId, Result<Outcome, CommandError>);

pub(crate) struct Connector<'a> {
    pub(crate) node: &'a Node,
    pub(crate) application: &'static str,
}

impl Connector<'_> {
    /// Whether one account can be asked for.
    pub(crate) fn reads_one(&self) -> bool {
        self.application != "badge"
    }

    pub(crate) async fn account(&self, key: &str) -> Result<Option<ObservedAccount>, CommandError> {
        Ok(self.read(Request::Get(key.to_owned())).await?.pop())
    }

    pub(crate) async fn find(&self, attribute: &str, value: &Value) -> Result<Vec<ObservedAccount>, CommandError> {
        self.read(Request::Find(attribute.to_owned(), value.clone())).await
    }

    pub(crate) async fn accounts(&self) -> Result<Vec<ObservedAccount>, CommandError> {
        self.read(Request::List).await
    }

    /// Carries out the commands of one batch side by side; each is answered.
    pub(crate) async fn apply(&self, commands: Vec<Command>) -> Vec<Answered> {
        match self.application {
            "directory" | "payroll" => {
                let mut work: Vec<Work<'_, Answered>> = Vec::new();
                for command in commands {
                    work.push(Box::pin(async move { (command.order, self.direct(&command).await) }));
                }
                side_by_side(work).await
            }
            "mail" | "badge" => self.hand_over(commands).await,
            _ => {
                let reference = || "work item".to_owned();
                commands
                    .into_iter()
                    .map(|command| (command.order, Ok(Outcome::Handed { reference: reference() })))
                    .collect()
            }
        }
    }

    async fn direct(&self, command: &Command) -> Result<Outcome, CommandError> {
        if command.operation != Operation::Create {
            return self.change(command).await;
        }
        if command.in_doubt
            && let Some(outcome) = self.take_over(command).await?
        {
            return Ok(outcome);
        }
        let request = Request::Create(command.attributes(), command.added().map(str::to_owned).collect());
        match self.write(request, command).await {
            Ok((key, refused)) => Ok(Outcome::Applied(applied(key, refused))),
            Err(error) if error.class == ErrorClass::Conflict => self.take_over(command).await?.ok_or(error),
            Err(error) => Err(error),
        }
    }

    /// What carries the employee's number is ours and brought in step; anything else of that login is somebody else's.
    async fn take_over(&self, command: &Command) -> Result<Option<Outcome>, CommandError> {
        let Some((name, value)) = &command.natural_key else { return Ok(None) };
        let mut found = self.find(name, value).await?;
        let Some(account) = found.pop() else { return Ok(None) };
        let is_ours = account.attributes.get("employee") == command.attributes().get("employee");
        if !found.is_empty() || !is_ours {
            return Err(CommandError::new(ErrorClass::Conflict, format!("`{value}` is somebody else's.")));
        }
        let (key, refused) = self.write(Request::Change(account.key, change(command)), command).await?;
        let adopted = !command.in_doubt;
        Ok(Some(Outcome::AlreadySo(Applied { adopted, ..applied(key, refused) })))
    }

    async fn change(&self, command: &Command) -> Result<Outcome, CommandError> {
        let key = command.key.clone().unwrap_or_default();
        let request = match command.operation {
            Operation::Delete => Request::Delete(key),
            _ => Request::Change(key, change(command)),
        };
        let (key, refused) = self.write(request, command).await?;
        Ok(Outcome::Applied(applied(key, refused)))
    }

    /// A batch file is written: it holds each order's number, so that writing it again doubles nothing.
    async fn hand_over(&self, commands: Vec<Command>) -> Vec<Answered> {
        self.node.step().await;
        self.node.sim.with(|world| {
            let application = world.applications.get_mut(self.application).unwrap();
            let is_there = application.weather != Weather::Dead;
            let mut answers = Vec::new();
            for command in commands {
                let answer = if is_there {
                    Ok(Outcome::Handed { reference: format!("batch-{}", command.order) })
                } else {
                    Err(CommandError::new(ErrorClass::Transient, "The folder is not there."))
                };
                answers.push((command.order, answer));
                if is_there
                    && application
                        .handed
                        .iter()
                        .all(|other| (other.order, other.fence) != (command.order, command.fence))
                {
                    application.handed.push(command);
                }
            }
            answers
        })
    }

    /// Answers of an executor that were not acknowledged.
    pub(crate) async fn poll(&self) -> Vec<LateAnswer> {
        self.node.step().await;
        self.node.sim.with(|world| {
            let now = world.desk.now;
            let answers = &world.applications[self.application].answers;
            answers.iter().filter(|(from, _)| *from <= now).map(|(_, answer)| answer.clone()).collect()
        })
    }

    pub(crate) async fn acknowledge(&self, answers: &[LateAnswer]) {
        self.node.step().await;
        self.node.sim.with(|world| {
            invariants::answers_are_kept(world, answers);
            let kept = &mut world.applications.get_mut(self.application).unwrap().answers;
            kept.retain(|(_, answer)| !answers.contains(answer));
        });
    }

    // ------------------------------------------------------------------------------------------------ the network

    async fn read(&self, request: Request) -> Result<Vec<ObservedAccount>, CommandError> {
        match self.call(request, None).await? {
            Reply::Accounts(accounts) => Ok(accounts),
            _ => Err(CommandError::new(ErrorClass::Transient, "The application is not available.")),
        }
    }

    async fn write(&self, request: Request, command: &Command) -> Result<(String, Vec<String>), CommandError> {
        let is_creation = matches!(request, Request::Create(..));
        let error = |class, message: &str| Err(CommandError::new(class, message));
        match self.call(request, Some((command.order, command.fence))).await? {
            Reply::Done { key, refused } => Ok((key, refused)),
            // Some do what they are told, fail afterwards, and say so.
            Reply::Unavailable if is_creation => error(ErrorClass::Unknown, "503, perhaps after the fact."),
            Reply::Unavailable => error(ErrorClass::Transient, "503."),
            Reply::TooMany(wait) => {
                let retry_after = wait.map(|wait| Duration::from_micros(wait.unsigned_abs()));
                Err(CommandError { retry_after, ..CommandError::new(ErrorClass::RateLimited, "Too many requests.") })
            }
            Reply::Taken => error(ErrorClass::Conflict, "That login is taken."),
            Reply::NotFound => error(ErrorClass::NotFound, "There is no such account."),
            Reply::Accounts(_) => error(ErrorClass::Protocol, "The answer makes no sense."),
        }
    }

    async fn call(&self, request: Request, under: Option<(OrderId, i64)>) -> Result<Reply, CommandError> {
        self.node.step().await;
        let (sim, name) = (&self.node.sim, self.application);
        let writes = request.writes();
        let unanswered = || {
            let class = if writes { ErrorClass::Unknown } else { ErrorClass::Transient };
            CommandError::new(class, "No answer in time.")
        };
        let sent = sim.with(|world| {
            if let (Some((order, fence)), true) = (under, writes) {
                invariants::sends(world, order, fence);
            }
            let application = &world.applications[name];
            let habits = application.habits.clone();
            if application.weather == Weather::Dead {
                return None;
            }
            world.calls += 1;
            let is_lost = application.weather == Weather::Mute || world.chance.permille(world.troubled(habits.loses));
            let there = if application.weather == Weather::Slow {
                world.chance.between(habits.longest / 8, habits.longest)
            } else if world.chance.permille(world.troubled(habits.dawdles)) {
                world.chance.between(SECOND, habits.longest)
            } else {
                world.chance.between(SECOND / 200, SECOND / 3)
            };
            let back = world.chance.between(SECOND / 200, SECOND / 3);
            let is_denied = writes && world.chance.permille(world.troubled(habits.denies));
            let is_unanswered = world.chance.permille(world.troubled(habits.silent));
            Some((world.calls, is_lost, there, back, is_denied, is_unanswered))
        });
        let Some((call, is_lost, there, back, is_denied, is_unanswered)) = sent else {
            return Err(CommandError::new(ErrorClass::Transient, "No connection."));
        };
        let caller = sim.with(|world| world.desk.current);
        let network = sim.clone();
        sim.start(None, async move {
            network.sleep(there).await;
            if is_lost {
                return;
            }
            let reply = network.with(|world| {
                let now = world.desk.now;
                let application = world.applications.get_mut(name).unwrap();
                let (reply, effect) = application.serve(now, &mut world.chance, &request, under);
                if let Some(effect) = effect {
                    invariants::effect(world, effect);
                }
                reply
            });
            if is_unanswered {
                return;
            }
            network.sleep(back).await;
            network.with(|world| {
                let reply = if is_denied { Reply::Unavailable } else { reply };
                world.replies.insert(call, reply);
                world.desk.wake(caller);
            });
        });
        let deadline = sim.now() + PATIENCE;
        let reply = sim.receive(deadline, |world| world.replies.remove(&call)).await;
        if let (Some(Reply::TooMany(Some(wait))), Some((order, _))) = (&reply, under) {
            sim.with(|world| {
                let until = world.desk.now + wait;
                world.asked_to_wait.insert(order, until);
            });
        }
        reply.ok_or_else(unanswered)
    }
}

fn applied(key: String, refused: Vec<String>) -> Applied {
    let refused = refused.into_iter().map(|name| (name, "not allowed".to_owned())).collect();
    Applied { key: Some(key), refused, ..Applied::default() }
}

/// An executor at work: takes what was handed over in its order, and answers later, twice, out of order, or not at all.
pub(crate) async fn executor(sim: scheduler::Sim, name: &'static str) {
    loop {
        let wait = sim.with(|world| world.chance.between(5 * SECOND, 240 * SECOND));
        sim.sleep(wait).await;
        sim.with(|world| {
            let now = world.desk.now;
            let application = world.applications.get_mut(name).unwrap();
            if application.weather != Weather::Fair {
                return;
            }
            let commands = std::mem::take(&mut application.handed);
            for command in commands {
                let application = world.applications.get_mut(name).unwrap();
                let (reply, effect) = application.carry_out(now, &mut world.chance, &command);
                if let Some(effect) = effect {
                    invariants::effect(world, effect);
                }
                let result = match reply {
                    Reply::Done { key, refused } => Ok(applied(key, refused)),
                    Reply::NotFound => Err(CommandError::new(ErrorClass::NotFound, "There is no such account.")),
                    Reply::Taken => Err(CommandError::new(ErrorClass::Conflict, "That login is taken.")),
                    _ => Err(CommandError::new(ErrorClass::Transient, "Not now.")),
                };
                let application = &world.applications[name];
                let fence = application.habits.repeats_fence.then_some(command.fence);
                let answer = LateAnswer { order: command.order, fence, result };
                let copies = if world.chance.permille(world.troubled(60)) {
                    0
                } else if world.chance.permille(world.troubled(80)) {
                    2
                } else {
                    1
                };
                for _ in 0..copies {
                    let late = if world.chance.permille(world.troubled(60)) { 100 * 60 * SECOND } else { 60 * SECOND };
                    let from = now + world.chance.between(0, late);
                    let answers = &mut world.applications.get_mut(name).unwrap().answers;
                    let place = world.chance.below(answers.len() + 1);
                    answers.insert(place, (from, answer.clone()));
                }
            }
        });
    }
}
