// Starts stripe-stateful-mock on a free port of this machine alone, and says which.
const {createExpressApp} = require("stripe-stateful-mock");

const server = createExpressApp().listen(0, "127.0.0.1", () => {
    console.log(`listening on ${server.address().port}`);
});
