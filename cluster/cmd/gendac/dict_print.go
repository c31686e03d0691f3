package main

import (
	"encoding/json"
	"io"
	"os"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gendac/gendac/gdict"
)

// itemJSON is an entry or an event as --json prints it. Bytes that are UTF-8 stand under key and value, others in base64
// under key_base64 and value_base64.
type itemJSON struct {
	Event       string  `json:"event,omitempty"` // of a watch: put, del or synced
	Key         *string `json:"key,omitempty"`
	KeyBase64   []byte  `json:"key_base64,omitempty"`
	Value       *string `json:"value,omitempty"`
	ValueBase64 []byte  `json:"value_base64,omitempty"`
	Rev         uint64  `json:"rev"`
	Through     uint64  `json:"through,omitempty"` // "watch --rev" goes on after it
}

// doneJSON is what a change came to.
type doneJSON struct {
	Rev    uint64 `json:"rev,omitempty"`
	Erased *int   `json:"erased,omitempty"`
}

func textOrBytes(b string) (*string, []byte) {
	if utf8.ValidString(b) {
		return &b, nil
	}
	return nil, []byte(b)
}

func entryJSON(e gdict.Entry) itemJSON {
	item := itemJSON{Rev: e.Rev}
	item.Key, item.KeyBase64 = textOrBytes(e.Key)
	item.Value, item.ValueBase64 = textOrBytes(string(e.Value))
	return item
}

func printJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// printValue writes a value as it is. Only a terminal gets a line end, for the prompt that follows.
func printValue(w io.Writer, value []byte) error {
	if file, is := w.(*os.File); is {
		if info, err := file.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
			value = append(value, '\n')
		}
	}
	_, err := w.Write(value)
	return err
}

// shown is a key or a value as one field of a line: as it is, or quoted where that would be ambiguous.
func shown(text string) string {
	plain := text != "" && text[0] != '"' && utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool {
		return r == '\t' || !unicode.IsPrint(r)
	})
	if plain {
		return text
	}
	return strconv.Quote(text)
}
