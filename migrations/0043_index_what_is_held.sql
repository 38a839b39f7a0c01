-- Programs go on from 0042.
-- Who holds a thing is counted without looking at what is over, offered or denied.
create index assignment_held on assignment (kind, name) where until is null and workflow_state in (18, 118);
