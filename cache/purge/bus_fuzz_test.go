package purge

import (
	"reflect"
	"runtime"
	"strings"
	"testing"
)

// A message takes memory for the purges that it may have, not for as many as it has.
func TestNoticeTakesNoMoreThanItMay(t *testing.T) {
	for name, element := range map[string]string{"empty": "{},", "null": "null,", "number": "0,", "list": "[],",
		"known": `{"kind":"tag","value":"x"},`} {
		text := `{"token":"aa","mode":"hard","targets":[` + strings.Repeat(element, 8<<20/len(element))
		data := []byte(text[:len(text)-1] + "]}")
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, _, _, err := decodeNotice(data)
		runtime.ReadMemStats(&after)
		if took := after.TotalAlloc - before.TotalAlloc; err == nil || took > 64<<20 {
			t.Errorf("%s: %v, %d bytes were taken", name, err, took)
		}
	}
	most := []byte(`{"token":"aa","mode":"hard","targets":[` + strings.Repeat(`{"kind":"tag","value":"x"},`,
		maxNoticeTargets-1) + `{"kind":"tag","value":"y"}]}`)
	if _, _, targets, err := decodeNotice(most); err != nil || len(targets) != maxNoticeTargets {
		t.Errorf("%d targets, %v", len(targets), err)
	}
}

// FuzzNotice: whatever comes through a bus is a purge that can be sent again as it was, or an error.
func FuzzNotice(f *testing.F) {
	f.Add([]byte(`{"token":"aa","mode":"hard","targets":[{"kind":"all"}]}`))
	f.Add([]byte(`{"token":"aa","server":"s","mode":"soft","targets":[{"kind":"tag","value":"x"},` +
		`{"kind":"slot","value":"1"}]}`))
	f.Add([]byte(`{"token":"","mode":1}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		token, mode, targets, err := decodeNotice(data)
		if err != nil {
			return
		}
		again, mode2, targets2, err := decodeNotice(encodeNotice(token, "s", mode, targets))
		if err != nil || again != token || mode2 != mode || !reflect.DeepEqual(targets, targets2) {
			t.Fatalf("%q: %s %v %v became %s %v %v, %v", data, token, mode, targets, again, mode2, targets2, err)
		}
	})
}

// FuzzPosition: a text is a position that has this text, or an error.
func FuzzPosition(f *testing.F) {
	f.Add("00112233445566778899aabbccddeeff 7 ab")
	f.Add("00112233445566778899aabbccddeeff 07 ")
	f.Fuzz(func(t *testing.T, text string) {
		if p, err := parsePosition(text); err == nil && p.String() != text {
			t.Fatalf("%q is %+v, whose text is %q", text, p, p.String())
		}
	})
}
