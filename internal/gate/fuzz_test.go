package gate

import "testing"

// FuzzTokens reads a hostile tokens.toml: what is accepted names a caller and an end.
func FuzzTokens(f *testing.F) {
	f.Add("[[token]]\nsha256 = \"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\"\nactor = \"a\"\noffice = \"b\"\nuntil = 2027-01-01\n")
	f.Add("token = [{}]\n")
	f.Fuzz(func(t *testing.T, text string) {
		list, err := parseTokens(text)
		if err != nil {
			return
		}
		for _, k := range list {
			if k.caller.Actor == "" || k.caller.Office == "" || k.caller.Until.IsZero() {
				t.Errorf("accepted %+v", k.caller)
			}
		}
	})
}
