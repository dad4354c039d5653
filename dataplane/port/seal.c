#include "seal.h"

#include <errno.h>
#include <limits.h>

#include <openssl/evp.h>

#include "crypto.h"

int mr_seal(const struct mr_seal_key *key, uint64_t name, const void *plain, size_t length,
	uint8_t *ret_sealed)
{
	uint8_t *text = ret_sealed + MR_SEAL_NONCE_BYTES;
	int written = 0;
	if (length > INT_MAX - MR_SEAL_BYTES)
		return -EINVAL;
	int err = mr_random_bytes(ret_sealed, MR_SEAL_NONCE_BYTES);
	if (err != 0)
		return err;
	EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
	if (context == NULL)
		return -ENOMEM;
	int ok = EVP_EncryptInit_ex(context, EVP_aes_256_gcm(), NULL, key->bytes, ret_sealed);
	ok = ok && EVP_EncryptUpdate(context, NULL, &written, (const uint8_t *)&name, sizeof(name));
	ok = ok && EVP_EncryptUpdate(context, text, &written, plain, (int)length);
	ok = ok && EVP_EncryptFinal_ex(context, text + length, &written);
	ok = ok
		&& EVP_CIPHER_CTX_ctrl(
			context, EVP_CTRL_GCM_GET_TAG, MR_SEAL_TAG_BYTES, text + length);
	EVP_CIPHER_CTX_free(context);
	return ok ? 0 : -EIO;
}

int mr_unseal(const struct mr_seal_key *key, uint64_t name, const uint8_t *sealed, size_t length,
	void *ret_plain)
{
	int written = 0;
	if (length < MR_SEAL_BYTES || length > INT_MAX)
		return -EBADMSG;
	const uint8_t *text = sealed + MR_SEAL_NONCE_BYTES;
	const size_t text_length = length - MR_SEAL_BYTES;
	uint8_t tag[MR_SEAL_TAG_BYTES];
	for (size_t i = 0; i < sizeof(tag); i++)
		tag[i] = text[text_length + i];
	EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
	if (context == NULL)
		return -ENOMEM;
	int ok = EVP_DecryptInit_ex(context, EVP_aes_256_gcm(), NULL, key->bytes, sealed);
	ok = ok && EVP_DecryptUpdate(context, NULL, &written, (const uint8_t *)&name, sizeof(name));
	ok = ok && EVP_DecryptUpdate(context, ret_plain, &written, text, (int)text_length);
	ok = ok && EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_SET_TAG, sizeof(tag), tag);
	ok = ok && EVP_DecryptFinal_ex(context, (uint8_t *)ret_plain + text_length, &written);
	EVP_CIPHER_CTX_free(context);
	return ok ? 0 : -EBADMSG;
}
