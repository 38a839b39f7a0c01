// A SCIM 2.0 server in memory, made of SCIMMY, against which the SCIM connector is tested.
//
//     node server.mjs PORT [TOKEN]
//
// Says "Serving SCIM on …" when it is ready. Its habits differ from scim2-server's: at most 20 rows in a page whatever
// is asked for, no Location on creation, relative meta.location.
import {randomUUID} from "node:crypto";
import express from "express";
import SCIMMY from "scimmy";
import SCIMMYRouters from "scimmy-routers";

const [port, token] = process.argv.slice(2);
const ROWS_IN_A_PAGE = 20;

function keep(Resource, nameOf) {
    const rows = new Map();

    Resource.ingress((resource, data) => {
        const now = new Date().toISOString();
        const previous = resource.id ? rows.get(resource.id) : undefined;
        if (resource.id && !previous) throw new SCIMMY.Types.Error(404, null, `Resource ${resource.id} not found`);
        const name = nameOf(data)?.toLowerCase();
        for (const [id, row] of rows) {
            if (id !== resource.id && nameOf(row)?.toLowerCase() === name) {
                throw new SCIMMY.Types.Error(409, "uniqueness", `${nameOf(data)} is taken`);
            }
        }
        const id = resource.id ?? randomUUID();
        const row = JSON.parse(JSON.stringify(data));
        row.id = id;
        row.meta = {created: previous?.meta.created ?? now, lastModified: now};
        rows.set(id, row);
        return structuredClone(row);
    });
    Resource.egress((resource) => {
        if (resource.id) {
            if (!rows.has(resource.id)) throw new SCIMMY.Types.Error(404, null, `Resource ${resource.id} not found`);
            return structuredClone(rows.get(resource.id));
        }
        const all = structuredClone([...rows.values()]);
        const found = resource.filter ? resource.filter.match(all) : all;
        if (resource.constraints?.count > ROWS_IN_A_PAGE) resource.constraints.count = ROWS_IN_A_PAGE;
        return found;
    });
    Resource.degress((resource) => {
        if (!rows.delete(resource.id)) throw new SCIMMY.Types.Error(404, null, `Resource ${resource.id} not found`);
    });
}

keep(SCIMMY.Resources.declare(SCIMMY.Resources.User.extend(SCIMMY.Schemas.EnterpriseUser, false)).User ?? SCIMMY.Resources.User, (user) => user.userName);
keep(SCIMMY.Resources.declare(SCIMMY.Resources.Group).Group ?? SCIMMY.Resources.Group, (group) => group.displayName);

const app = express();
app.use("/v2", new SCIMMYRouters({
    type: "bearer",
    handler: (request) => {
        if (token && request.header("Authorization") !== `Bearer ${token}`) throw new Error("The token is not the right one.");
        return "connector";
    },
}));
const server = app.listen(Number(port), "127.0.0.1", () => {
    console.log(`Serving SCIM on http://127.0.0.1:${server.address().port}/v2`);
});
