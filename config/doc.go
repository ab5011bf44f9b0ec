// Package config is what an operator can set.
//
// It guarantees:
//   - every setting is declared once, as a field of Serve or of a struct
//     embedded there; flag, environment variable, key of the YAML file, help
//     text and default all follow from that field;
//   - a command line flag beats PICTOR_… in the environment, which beats the
//     file, which beats the default, for every type alike; an empty value
//     means unset at each of these levels;
//   - a value that does not parse is refused with the place it came from, and
//     a key of the file that is no setting is refused by name;
//   - secrets never appear in an error, in a log or in formatted output.
//
// It imports nothing of pictor and keeps no state.
package config
