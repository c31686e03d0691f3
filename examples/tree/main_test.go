package main

import (
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestTheTreeSurvivesItsCrashingChild(t *testing.T) {
	defer goleak.VerifyNone(t)
	var out strings.Builder
	if err := run(&out); err != nil {
		t.Fatal(err)
	}
	want := `shop (rest_for_one) up
|- stock up
` + "`" + `- tills (simple_one_for_one) up
   |- till up
   ` + "`" + `- till up
crashed: true
left: 9
shop (rest_for_one) up
|- stock up, incarnation 2
` + "`" + `- tills (simple_one_for_one) up, incarnation 2
`
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", out.String(), want)
	}
}
