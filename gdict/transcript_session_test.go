package gdict

import "testing"

// session sends one attempt of a write of a session: session <id> <seq> <acknowledged> <born> <operation>. The line
// ends with how often the log has been added to, which is its revision.
func (w *world) session(t *testing.T, args []string) string {
	n := func(i int) uint64 { return uint64(number(t, args[i])) }
	req := encodeRequest(operation(t, args[4]).op, requestID{session: n(0), seq: n(1), acknowledged: n(2), born: n(3)})
	cmd, refusal := w.a.admit(req)
	if refusal != nil {
		return "not admitted: " + replied(refusal)
	}
	return replied(w.log.append(cmd))
}
