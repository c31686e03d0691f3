// Package admin is a member's window for operators: what a status is, and a small HTTP API that shows it and takes orders.
//
//	gendac status      --GET  /v1/status-------------------->  Server --Backend--> node
//	gendac switchover  --POST /v1/groups/{group}/switchover->
//
// Every answer is JSON. A refusal is {"error": one line for people, "code": one word for programs} with an HTTP status
// from the table in errors.go; the Client turns the code back into the sentinel error, so errors.Is works across the
// wire. JSON names are stable: fields are added, never renamed.
//
// The API has no passwords and no encryption. It therefore listens on a loopback address only, and refuses requests that
// a browser sends on behalf of another site. Whoever can open a connection on the machine may give orders.
//
// It promises that a nil error from Client.Switchover means the order is committed, not that it has been carried out;
// Status shows how far it got. A request never waits longer than RequestTimeout.
package admin
