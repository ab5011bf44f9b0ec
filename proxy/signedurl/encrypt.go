package signedurl

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
)

const encPrefix = "enc/"

// errCipher is the error of every encrypted source that is wrong: a text that told the
// cause would help an attacker.
var errCipher = fmt.Errorf("%w: the encrypted source cannot be decrypted", ErrMalformed)

// EncryptSource is the segment of a source that only key can read: AES-CBC
// with PKCS #7 padding (RFC 5652 §6.3), the initialisation vector first, in
// base64url; imgproxy's form. The vector is made of the source, so that the
// same source has the same URL, which caches need, and two sources of one
// beginning do not show it. key has 16, 24 or 32 bytes.
//
// A client that may change a URL could tell by the errors whether a padding is right,
// and so read a source: paths must be signed.
func EncryptSource(key []byte, source string) (string, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return "", errors.New("a source key must have 16, 24 or 32 bytes")
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("pictor enc " + source))
	return encryptWith(block, mac.Sum(nil)[:aes.BlockSize], source), nil
}

func encryptWith(block cipher.Block, iv []byte, source string) string {
	padding := aes.BlockSize - len(source)%aes.BlockSize
	text := append([]byte(source), make([]byte, padding)...)
	for i := len(source); i < len(text); i++ {
		text[i] = byte(padding)
	}
	cipher.NewCBCEncrypter(block, iv).CryptBlocks(text, text)
	return base64.RawURLEncoding.EncodeToString(append(append([]byte(nil), iv...), text...))
}

// decryptSource is the inverse, of any vector.
func decryptSource(key []byte, s string) (string, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return "", errCipher
	}
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil || len(b) < 2*aes.BlockSize || len(b)%aes.BlockSize != 0 {
		return "", errCipher
	}
	iv, text := b[:aes.BlockSize], b[aes.BlockSize:]
	cipher.NewCBCDecrypter(block, iv).CryptBlocks(text, text)
	padding := int(text[len(text)-1])
	if padding < 1 || padding > aes.BlockSize {
		return "", errCipher
	}
	for _, c := range text[len(text)-padding:] {
		if int(c) != padding {
			return "", errCipher
		}
	}
	return string(text[:len(text)-padding]), nil
}
