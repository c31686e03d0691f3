package spec_test

import (
	"testing"

	"github.com/gendac/gendac/cluster/spec"
)

// TestADigestTellsWhatIsSaidAndNotHow: the order of names, comments and spelled-out defaults make no difference.
func TestADigestTellsWhatIsSaidAndNotHow(t *testing.T) {
	digest := func(text string) string {
		s, err := spec.Parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return s.Digest()
	}
	first := digest("cluster: c\nmembers: {a: {}, b: {}}\napplications: {x: {}}\ngroups: [{name: g, members: [a, b], pair: {active: [x]}}]\n")
	for _, same := range []string{
		"# another file\ncluster: c\nmembers: {b: {}, a: {}}\napplications: {x: {restarts: 3, within: 10s}}\ngroups: [{name: g, packed: true, members: [a, b], pair: {active: [x]}}]\n",
		"{\"cluster\":\"c\",\"timing\":{\"lease\":\"1000ms\"},\"members\":{\"a\":{},\"b\":{}},\"applications\":{\"x\":{}},\"groups\":[{\"name\":\"g\",\"members\":[\"a\",\"b\"],\"pair\":{\"active\":[\"x\"]}}]}",
	} {
		if got := digest(same); got != first {
			t.Errorf("%s, not %s, of\n%s", got, first, same)
		}
	}
	for _, other := range []string{
		"cluster: c\nmembers: {a: {}, b: {}}\napplications: {x: {}}\ngroups: [{name: g, members: [b, a], pair: {active: [x]}}]\n",
		"cluster: c\nmembers: {a: {}, b: {}, c: {}}\napplications: {x: {}}\ngroups: [{name: g, members: [a, b], pair: {active: [x]}}]\n",
		"cluster: c\nmembers: {a: {}, b: {}}\napplications: {x: {restarts: 2}}\ngroups: [{name: g, members: [a, b], pair: {active: [x]}}]\n",
	} {
		if got := digest(other); got == first {
			t.Errorf("the same of\n%s", other)
		}
	}
}
