"""Where the JPEGs go: a local directory or an S3 bucket, behind one interface (`base.Store`).

Uploads to S3 are our own because s3transfer, which boto3's `upload_file` uses, passes neither `IfNoneMatch` nor
`Content-MD5`: it would overwrite an object that somebody else has put there, and the server could not check what
arrived. Retries are our own because each one is then counted, jittered and seen by the engine's holds; botocore's
are switched off.
"""
