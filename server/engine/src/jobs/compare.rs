//! Two runs side by side: what each step took and counted, and which orders came of them.

use std::collections::BTreeMap;

use model::error::ApiError;
use model::ids::RunId;
use model::job::TaskRun;
use model::order::ProvisioningState;
use model::plan::Operation;
use model::view::{RunComparison, RunOrders};

use crate::context::OpContext;
use crate::error::internal;

/// Compares two runs, of one job or of different ones.
pub async fn compare(op: &OpContext, left: RunId, right: RunId) -> Result<RunComparison, ApiError> {
    op.require("/Jobs/View")?;
    let (left, right) = (super::run(op, left).await?, super::run(op, right).await?);
    let store = op.engine.store();
    let orders = [
        store.run_orders(left.run.id).await.map_err(internal)?,
        store.run_orders(right.run.id).await.map_err(internal)?,
    ];
    let kinds = pairs(&orders, |row| (row.application.clone(), row.operation.name()));
    let outcomes = pairs(&orders, |row| row.state.number());
    let name = |application: &str| op.engine.application_label(application);
    Ok(RunComparison {
        steps: steps(&left.run.tasks, &right.run.tasks),
        orders: kinds
            .into_iter()
            .filter_map(|((application, operation), [left, right])| {
                Some((name(&application), Operation::from_name(operation)?, left, right))
            })
            .collect(),
        outcomes: outcomes
            .into_iter()
            .filter_map(|(state, [left, right])| Some((ProvisioningState::from_number(state)?, left, right)))
            .collect(),
        left,
        right,
    })
}

/// How many orders of each kind either run made.
fn pairs<K: Ord>(orders: &[Vec<RunOrders>; 2], key: impl Fn(&RunOrders) -> K) -> BTreeMap<K, [u64; 2]> {
    let mut counts: BTreeMap<K, [u64; 2]> = BTreeMap::new();
    for (side, rows) in orders.iter().enumerate() {
        for row in rows {
            counts.entry(key(row)).or_default()[side] += row.count;
        }
    }
    counts
}

/// Steps of both, by name: those of the left run in its order, each further one of the right run after those before it.
fn steps(left: &[TaskRun], right: &[TaskRun]) -> Vec<(String, Option<TaskRun>, Option<TaskRun>)> {
    let find = |tasks: &[TaskRun], name: &str| tasks.iter().find(|run| run.task.name == name).cloned();
    let mut found: Vec<(String, Option<TaskRun>, Option<TaskRun>)> =
        left.iter().map(|run| (run.task.name.clone(), Some(run.clone()), find(right, &run.task.name))).collect();
    let mut place = 0;
    for run in right {
        match found.iter().position(|(name, ..)| *name == run.task.name) {
            Some(position) => place = position + 1,
            None => {
                found.insert(place, (run.task.name.clone(), None, Some(run.clone())));
                place += 1;
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use model::job::{JobTask, TaskKind, TaskRun};

    use super::steps;

    #[test]
    fn steps_of_both_runs_stand_in_their_order() {
        let runs = |kinds: &[TaskKind]| -> Vec<TaskRun> {
            (0..).zip(kinds).map(|(sequence, kind)| TaskRun::queued(sequence, JobTask::usual(*kind))).collect()
        };
        use TaskKind::{Collect, ComputeRoleModel, Fulfil, GenerateOrders, Synchronize, SynchronizeBack};
        let cases: [(&[TaskKind], &[TaskKind], &[TaskKind]); 4] = [
            (&TaskKind::COMPLETE, &[Fulfil, SynchronizeBack], &TaskKind::COMPLETE),
            (&[GenerateOrders], &TaskKind::COMPLETE, &TaskKind::COMPLETE),
            (&[Collect, Fulfil], &[Synchronize, ComputeRoleModel], &[Synchronize, ComputeRoleModel, Collect, Fulfil]),
            (&[Collect, Fulfil], &[Collect, Synchronize, Fulfil], &[Collect, Synchronize, Fulfil]),
        ];
        for (left, right, expected) in cases {
            let found = steps(&runs(left), &runs(right));
            let names: Vec<&str> = found.iter().map(|(name, ..)| name.as_str()).collect();
            assert_eq!(names, expected.iter().map(|kind| kind.name()).collect::<Vec<_>>());
            for (name, on_left, on_right) in &found {
                let has = |kinds: &[TaskKind]| kinds.iter().any(|kind| kind.name() == name);
                assert_eq!((on_left.is_some(), on_right.is_some()), (has(left), has(right)), "{name}");
            }
        }
    }
}
