package admin

import (
	"errors"
	"fmt"
	"testing"
)

func TestEverySentinelSurvivesTheWire(t *testing.T) {
	for _, c := range codes {
		code, status := codeOf(fmt.Errorf("node: group %q: %w", "pair", c.is))
		if code != c.code || status != c.status {
			t.Errorf("codeOf(%v) = %s %d, want %s %d", c.is, code, status, c.code, c.status)
		}
		back := error(&Refusal{Text: "x", Code: code})
		if again, _ := codeOf(back); again != c.code {
			t.Errorf("code %s comes back as %s", c.code, again)
		}
	}
	if code, _ := codeOf(errors.New("disk on fire")); code != "internal" {
		t.Errorf("an unlisted error has code %s, want internal", code)
	}
	if err := error(&Refusal{Text: "x", Code: "from_the_future"}); !errors.Is(err, ErrBadReply) {
		t.Errorf("an unknown code does not match ErrBadReply")
	}
}
