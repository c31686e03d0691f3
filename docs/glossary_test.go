package docs

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
)

var (
	glossaryName = regexp.MustCompile("`([a-z]+)\\.([A-Z]\\w*)`")
	capitalName  = regexp.MustCompile(`(?m)^(?:func |type |var |const |\t)([A-Z]\w*)`)
)

// everyday are uses of a retired word in which it is not a noun of ours: English, the standard library's, or Proto.Actor's.
var everyday = map[string]*regexp.Regexp{
	"course":  regexp.MustCompile(`(?i)of course`),
	"gateway": regexp.MustCompile(`http\.StatusGateway|cluster: gateway|name: gateway|A gateway of two parts`), // docs/spec.md has an application of that name
	"hands":   regexp.MustCompile(`(?i)hands[ _]?(over|back|it|a|the|every|each|new|out|messages|body|views|packets|leadership|raft|gets)|\bhands$`),
}

// TestTheGlossaryNamesWhatThereIs: every identifier of the glossary is declared in a package of that name.
func TestTheGlossaryNamesWhatThereIs(t *testing.T) {
	declared := map[string]bool{}
	forEachSource(t, func(path, text string) {
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return
		}
		pkg := filepath.Base(filepath.Dir(path))
		for _, m := range capitalName.FindAllStringSubmatch(text, -1) {
			declared[pkg+"."+m[1]] = true
		}
	})
	names := glossaryName.FindAllStringSubmatch(readFile(t, "glossary.md"), -1)
	if len(names) < 40 {
		t.Fatalf("the glossary names %d identifiers; its tables are not read right", len(names))
	}
	for _, m := range names {
		if name := m[1] + "." + m[2]; !declared[name] {
			t.Errorf("glossary.md names %s, which does not exist", name)
		}
	}
}

// TestRetiredWordsAreGone: the words that the glossary retires are not used as a word, nor as a part of an identifier.
func TestRetiredWordsAreGone(t *testing.T) {
	retired := retiredWords(readFile(t, "glossary.md"))
	if len(retired) < 15 {
		t.Fatalf("%d retired words; the table is not read right", len(retired))
	}
	forEachSource(t, func(path, text string) {
		if strings.HasSuffix(path, ".pb.go") || strings.HasPrefix(filepath.Base(path), "glossary") {
			return
		}
		for i, line := range strings.Split(text, "\n") {
			for _, word := range wordsOf(line) {
				if instead, is := retired[word]; is && (everyday[word] == nil || !everyday[word].MatchString(line)) {
					t.Errorf("%s:%d says %q; the glossary says %s", path, i+1, word, instead)
				}
			}
		}
	})
}

func TestRetiredWordsAreFound(t *testing.T) {
	got := wordsOf("the seekAt of a HubBeats_atRest, sought")
	if !slices.Equal(got, []string{"the", "seek", "at", "of", "a", "hub", "beats", "at", "rest", "sought"}) {
		t.Errorf("the words are %q", got)
	}
	if retired := retiredWords("# A\n| old | new |\n## Retired words\n| not | but |\n|---|---|\n| beat, beats | heartbeat |\n"); len(retired) != 2 || retired["beats"] != "heartbeat" {
		t.Errorf("the retired words are %v", retired)
	}
}

// retiredWords are the first column of the last table, each with what is said in its place.
func retiredWords(page string) map[string]string {
	_, table, _ := strings.Cut(page, "## Retired words")
	retired := map[string]string{}
	for _, line := range strings.Split(table, "\n") {
		cells := strings.Split(line, "|")
		if len(cells) != 4 || strings.Contains(line, "---") || strings.TrimSpace(cells[1]) == "not" {
			continue
		}
		for _, word := range strings.Split(cells[1], ",") {
			retired[strings.TrimSpace(word)] = strings.TrimSpace(cells[2])
		}
	}
	return retired
}

// wordsOf splits a line into words in lower case. Identifiers are split where a capital letter or an underscore is.
func wordsOf(line string) (words []string) {
	var word []rune
	end := func() {
		if len(word) > 0 {
			words, word = append(words, strings.ToLower(string(word))), nil
		}
	}
	for _, r := range line {
		switch {
		case !unicode.IsLetter(r):
			end()
			continue
		case unicode.IsUpper(r) && len(word) > 0 && unicode.IsLower(word[len(word)-1]):
			end()
		}
		word = append(word, r)
	}
	end()
	return words
}

// forEachSource calls f with every file of the repository in which words of ours can stand.
func forEachSource(t *testing.T, f func(path, text string)) {
	t.Helper()
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != ".." && strings.HasPrefix(d.Name(), "."), d.IsDir() && filepath.Base(filepath.Dir(path)) == "tools":
			return filepath.SkipDir
		case d.IsDir() || !slices.Contains([]string{".go", ".md", ".proto", ".txt", ".yaml"}, filepath.Ext(path)):
			return nil
		}
		text, err := os.ReadFile(path)
		f(path, string(text))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
