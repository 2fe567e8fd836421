"""All settings. The only reader of the environment; a wrong value stops the start and is named."""

from pathlib import Path
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured
from environs import Env, EnvError, validate

from optimizer.llm.address import AddressError, read_addresses

BASE_DIR = Path(__file__).resolve().parent.parent
env = Env()


def _home_secret() -> str:
    """The key of this installation, made at its first start. Deployments set SECRET_KEY."""
    from django.core.management.utils import get_random_secret_key

    path = HOME / "secret_key"
    if not path.exists():
        HOME.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(get_random_secret_key())
    return path.read_text()


try:
    HOME = Path(env.str("PROMPTEVOLVER_HOME", str(BASE_DIR / ".local")))
    DEBUG = env.bool("DEBUG", False)
    SECRET_KEY = env.str("SECRET_KEY", "") or _home_secret()
    ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", ["localhost", "127.0.0.1", "[::1]"])
    CSRF_TRUSTED_ORIGINS: list[str] = env.list("CSRF_TRUSTED_ORIGINS", [])
    HTTPS = env.bool("HTTPS", False)
    TRUSTED_PROXIES = env.int("TRUSTED_PROXIES", 0, validate=validate.Range(min=0))
    SITE_URL = env.str("SITE_URL", "")
    SIGN_UP_OPEN = env.bool("SIGN_UP_OPEN", False)

    DATABASE = env.dj_db_url("DATABASE_URL")
    DATABASE_POOL = env.int("DATABASE_POOL", 20, validate=validate.Range(min=1))
    REDIS_URL = env.str("REDIS_URL")
    OLLAMA_HOSTS = read_addresses(env.str("OLLAMA_HOST"), api_key=env.str("OLLAMA_API_KEY", ""))
    OLLAMA_PARALLEL = env.int("OLLAMA_PARALLEL", 4, validate=validate.Range(min=1))
    OLLAMA_CONTEXT = env.int("OLLAMA_CONTEXT", 8192, validate=validate.Range(min=512))
    OLLAMA_TIMEOUT = env.float("OLLAMA_TIMEOUT", 300.0, validate=validate.Range(min=1))
    LEASE_SECONDS = env.int("LEASE_SECONDS", 30, validate=validate.Range(min=2))
    EMBEDDED: list[str] = env.list("PROMPTEVOLVER_EMBEDDED", [])  # set by manage.py: postgres, valkey, model
    EMBEDDED_OLLAMA = "model" in EMBEDDED
    TARGET_MODEL = env.str("TARGET_MODEL", "")
    OPTIMIZER_MODEL = env.str("OPTIMIZER_MODEL", "")

    EMBEDDED_MODEL = env.str("EMBEDDED_MODEL", "")
    EMBEDDED_PARALLEL = env.int("EMBEDDED_PARALLEL", 4, validate=validate.Range(min=1))
    EMBEDDED_CONTEXT = env.int("EMBEDDED_CONTEXT", 4096, validate=validate.Range(min=512))

    EMAIL = env.dj_email_url("EMAIL_URL", "console://")
    DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", "PromptEvolver <webmaster@localhost>")
    GITHUB_CLIENT_ID = env.str("GITHUB_CLIENT_ID", "")
    GITHUB_SECRET = env.str("GITHUB_SECRET", "")
    GOOGLE_CLIENT_ID = env.str("GOOGLE_CLIENT_ID", "")
    GOOGLE_SECRET = env.str("GOOGLE_SECRET", "")
    OIDC_SERVER_URL = env.str("OIDC_SERVER_URL", "")
    OIDC_CLIENT_ID = env.str("OIDC_CLIENT_ID", "")
    OIDC_SECRET = env.str("OIDC_SECRET", "")
    OIDC_NAME = env.str("OIDC_NAME", "Single sign-on")
    LOG_LEVEL = env.str("LOG_LEVEL", "INFO", validate=validate.OneOf(["DEBUG", "INFO", "WARNING", "ERROR"]))
except AddressError as error:
    raise ImproperlyConfigured(str(error)) from None  # the cause holds what was typed, a password perhaps
except EnvError as error:
    raise ImproperlyConfigured(
        f"{error}. Start through `./manage.py`, which fills in the embedded services, or set the variable."
    ) from error

if "postgresql" not in DATABASE["ENGINE"]:
    raise ImproperlyConfigured(
        "DATABASE_URL must name a PostgreSQL server: postgres://user:password@host/name."
    )
if urlsplit(REDIS_URL).scheme not in {"redis", "rediss"}:
    raise ImproperlyConfigured("REDIS_URL must name a Redis or Valkey server: redis://host:6379/0.")
if SITE_URL and not (urlsplit(SITE_URL).scheme in {"http", "https"} and urlsplit(SITE_URL).hostname):
    raise ImproperlyConfigured("SITE_URL must be the address of the site: https://prompts.example.org.")

# Applications

INSTALLED_APPS = [
    "daphne",
    "optimizer.apps.OptimizerAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django.contrib.postgres",
    "channels",
    "django_htmx",
    "csp",
    "allauth",
    "allauth.account",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.github",
    "allauth.socialaccount.providers.google",
    "allauth.socialaccount.providers.openid_connect",
    "promptevolver",
    "optimizer",
]

MIDDLEWARE = [
    "optimizer.middleware.HealthMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "optimizer.middleware.OddRequestMiddleware",
    "optimizer.middleware.SignedOutMiddleware",
    "optimizer.middleware.PreferenceMiddleware",
    "allauth.account.middleware.AccountMiddleware",
]

ROOT_URLCONF = "promptevolver.urls"
ASGI_APPLICATION = "promptevolver.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "csp.context_processors.nonce",
            ]
        },
    }
]

# Services

DATABASES = {
    "default": DATABASE
    | {
        "CONN_HEALTH_CHECKS": True,  # a connection that died with its server is not handed out
        "CONN_MAX_AGE": 0,  # every ASGI request has its own thread: the pool keeps the connections
        "OPTIONS": DATABASE.get("OPTIONS", {}) | {"pool": {"min_size": 1, "max_size": DATABASE_POOL}},
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_OPTIONS = {"health_check_interval": 30, "socket_connect_timeout": 5, "socket_timeout": None}
CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}}
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [{"address": REDIS_URL, **REDIS_OPTIONS}]},
    }
}

CELERY_BROKER_URL = REDIS_URL
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 24 * 3600}
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BEAT_SCHEDULE_FILENAME = str(HOME / "beat-schedule")
CELERY_BEAT_SCHEDULE = {
    "sweep": {"task": "optimizer.tasks.sweep", "schedule": 5.0, "options": {"expires": 5}},
    "learn": {"task": "optimizer.tasks.learn", "schedule": 60.0, "options": {"expires": 60}},
    "models": {"task": "optimizer.tasks.refresh_models", "schedule": 15.0, "options": {"expires": 15}},
}

# Accounts

AUTH_USER_MODEL = "optimizer.User"
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
    "sesame.backends.ModelBackend",
]
SESAME_ONE_TIME = True
SESAME_MAX_AGE = 3600  # seconds
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
LOGIN_REDIRECT_URL = "home"
LOGIN_URL = "account_login"
ACCOUNT_ADAPTER = "optimizer.accounts.AccountAdapter"
SOCIALACCOUNT_ADAPTER = "optimizer.accounts.SocialAccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = (
    "none" if EMAIL["EMAIL_BACKEND"].endswith("console.EmailBackend") else "mandatory"
)
ACCOUNT_PREVENT_ENUMERATION = True
ALLAUTH_TRUSTED_PROXY_COUNT = TRUSTED_PROXIES

PROVIDERS = {
    "github": (GITHUB_CLIENT_ID, {"client_id": GITHUB_CLIENT_ID, "secret": GITHUB_SECRET}),
    "google": (GOOGLE_CLIENT_ID, {"client_id": GOOGLE_CLIENT_ID, "secret": GOOGLE_SECRET}),
    "openid_connect": (
        OIDC_SERVER_URL,
        {
            "provider_id": "oidc",
            "name": OIDC_NAME,
            "client_id": OIDC_CLIENT_ID,
            "secret": OIDC_SECRET,
            "settings": {"server_url": OIDC_SERVER_URL},
        },
    ),
}
SOCIALACCOUNT_PROVIDERS = {
    name: {"APPS": [app]} for name, (configured, app) in PROVIDERS.items() if configured
}

# Mail

EMAIL_BACKEND = EMAIL["EMAIL_BACKEND"]
EMAIL_HOST = EMAIL["EMAIL_HOST"]
EMAIL_PORT = EMAIL["EMAIL_PORT"]
EMAIL_HOST_USER = EMAIL["EMAIL_HOST_USER"]
EMAIL_HOST_PASSWORD = EMAIL["EMAIL_HOST_PASSWORD"]
EMAIL_USE_TLS = EMAIL["EMAIL_USE_TLS"]
EMAIL_USE_SSL = EMAIL["EMAIL_USE_SSL"]

# Pages

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_I18N = False
USE_TZ = True
STATIC_URL = "static/"
STATIC_ROOT = HOME / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "promptevolver.storage.HashedModules"},
}
MEDIA_ROOT = HOME / "files"
DATA_UPLOAD_MAX_MEMORY_SIZE = 60 * 2**20  # a larger body is refused before it is read; forms limit further
DATA_UPLOAD_MAX_NUMBER_FILES = 2_000  # a folder of templates may have other files in it
DATASET_MAX_BYTES = 5 * 2**20
DATASET_MAX_ROWS = 10_000

# Security

SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SESSION_COOKIE_HTTPONLY = True
SECURE_SSL_REDIRECT = HTTPS
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUSTED_PROXIES else None
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "frame-ancestors": ["'none'"],
        "form-action": ["'self'", "https:"] if SOCIALACCOUNT_PROVIDERS else ["'self'"],
        "base-uri": ["'none'"],
        "object-src": ["'none'"],
    }
}

# Logs

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": LOG_LEVEL},
    "loggers": {"httpx": {"level": "WARNING"}, "daphne": {"level": "WARNING"}},
}

# The email address is unique whatever its case: a constraint over Lower("email"), which the check cannot see.
SILENCED_SYSTEM_CHECKS = ["auth.W004"]
