package docs

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	logKey  = regexp.MustCompile(`slog\.[A-Z]\w*\("([a-z_]+)",`)
	keysRow = regexp.MustCompile("(?m)^\\| ((?:`[a-z_]+`(?:, )?)+) \\|")
)

// TestEveryKeyOfTheLogIsDocumented once, and the page has no other. The linter sees to it that keys are written as they are
// looked for here.
func TestEveryKeyOfTheLogIsDocumented(t *testing.T) {
	used := map[string]bool{}
	forEachSource(t, func(path, text string) {
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return
		}
		for _, found := range logKey.FindAllStringSubmatch(text, -1) {
			used[found[1]] = true
		}
	})
	_, section, _ := strings.Cut(readFile(t, "operating.md"), "\n## What a member logs\n")
	section, _, _ = strings.Cut(section, "\n## ")
	var documented []string
	for _, row := range keysRow.FindAllStringSubmatch(section, -1) {
		for key := range strings.SplitSeq(row[1], ", ") {
			documented = append(documented, strings.Trim(key, "`"))
		}
	}
	slices.Sort(documented)
	if want := slices.Sorted(maps.Keys(used)); len(want) < 30 || !slices.Equal(documented, want) {
		t.Errorf("the page has\n%q\nand the code\n%q", documented, want)
	}
}
